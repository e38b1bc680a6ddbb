//! Building transactions.

use raftpool_chain::{Address, Network};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Cache, Wallet};
use crate::{
    chain::Chain,
    fees::{self, FEE_PER_KIB_ATOMIC},
    rpc::{Params, RpcError},
    transaction::{Draft, MAX_TRANSFERS, NATIVE_ASSET, Payment, Transaction},
};

#[derive(Deserialize)]
struct BuildParams {
    transfers: Vec<TransferParams>,
    #[serde(default)]
    fee: FeeParams,
    #[serde(default)]
    base_fee: BaseFeeParams,
    #[serde(default)]
    fee_limit: Option<u64>,
    #[serde(default)]
    nonce: Option<u64>,
    #[serde(default = "yes")]
    broadcast: bool,
    #[serde(default)]
    tx_as_hex: bool,
}

#[derive(Deserialize)]
struct EstimateParams {
    transfers: Vec<TransferParams>,
    #[serde(default)]
    fee: FeeParams,
    #[serde(default)]
    base_fee: BaseFeeParams,
}

#[derive(Deserialize)]
struct TransferParams {
    asset: String,
    amount: u64,
    destination: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FeeParams {
    Fixed(u64),
    Extra(ExtraFee),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ExtraFee {
    None,
    Tip(u64),
    Multiplier(f64),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum BaseFeeParams {
    #[default]
    None,
    Fixed(u64),
    Cap(u64),
}

impl Default for FeeParams {
    fn default() -> Self {
        Self::Extra(ExtraFee::None)
    }
}

fn yes() -> bool {
    true
}

impl Wallet {
    pub(super) fn estimate_fees(&self, params: Params) -> Result<Value, RpcError> {
        let params: EstimateParams = params.read()?;
        let payments = self.read_transfers(&params.transfers)?;
        let fee =
            self.with_chain(|chain| fee_atomic(chain, &payments, &params.fee, &params.base_fee));
        Ok(json!(fee))
    }

    pub(super) fn build_transaction(&self, params: Params) -> Result<Value, RpcError> {
        let params: BuildParams = params.read()?;
        let payments = self.read_transfers(&params.transfers)?;
        let transaction = self.with_chain(|chain| self.build(chain, &params, payments))?;
        if params.broadcast {
            // A failed broadcast is undone in the wallet's memory, whatever the daemon did.
            let sent = self.with_chain(|chain| chain.submit_transaction(transaction.clone()));
            sent.inspect_err(|_| self.clear_cache())?;
        }
        let mut answer = transaction.to_json(self.network);
        if params.tx_as_hex {
            answer["tx_as_hex"] = json!(hex::encode(&transaction.bytes));
        }
        Ok(answer)
    }

    fn build(
        &self,
        chain: &mut Chain,
        params: &BuildParams,
        payments: Vec<Payment>,
    ) -> Result<Transaction, RpcError> {
        let fee_atomic = fee_atomic(chain, &payments, &params.fee, &params.base_fee);
        let fee_limit_atomic = params.fee_limit.unwrap_or(fee_atomic);
        if fee_limit_atomic < fee_atomic {
            let message = format!("Fee limit {fee_limit_atomic} is below the fee {fee_atomic}");
            return Err(RpcError::named("INVALID_FEE_LIMIT", message));
        }
        let cached = self.believed(chain);
        let reference_topoheight = chain.stable_topoheight();
        let reference_hash = chain
            .placed(reference_topoheight)
            .map(|placed| placed.hash)
            .ok_or_else(|| RpcError::internal("the chain has no stable block"))?;
        let draft = Draft {
            source: self.key,
            payments,
            fee_atomic,
            fee_limit_atomic,
            nonce: params.nonce.unwrap_or_else(|| self.next_nonce(chain)),
            reference_hash,
            reference_topoheight,
        };
        let available =
            cached.map_or_else(|| self.stable_balance(chain), |cache| cache.balance_atomic);
        let required = draft.spent_atomic();
        let Some(balance_atomic) = available.checked_sub(required) else {
            let reason = format!(
                "not enough funds in the account, required: {required}, available: {available}"
            );
            return Err(RpcError::named(
                "PROOF",
                format!("Proof generation error: {reason}: {reason}"),
            ));
        };
        *self.cache.lock() = Some(Cache {
            next_nonce: draft.nonce + 1,
            balance_atomic,
        });
        Ok(Transaction::build(draft, chain.random()))
    }

    /// Balance of the reference, less what was spent since.
    fn stable_balance(&self, chain: &Chain) -> u64 {
        let accounts = chain.accounts();
        let waiting = chain.mempool().spent_by_atomic(&self.key);
        let top = accounts.balance_atomic(&self.key).saturating_sub(waiting);
        accounts
            .balance_at(&self.key, chain.stable_topoheight())
            .min(top)
    }

    fn read_transfers(&self, transfers: &[TransferParams]) -> Result<Vec<Payment>, RpcError> {
        let payments: Vec<(Payment, bool)> = transfers
            .iter()
            .map(|transfer| {
                let (destination, is_ours) = read_any_address(&transfer.destination, self.network)?;
                Ok((
                    Payment {
                        destination,
                        amount_atomic: transfer.amount,
                    },
                    is_ours,
                ))
            })
            .collect::<Result<_, RpcError>>()?;
        if payments.is_empty() {
            return Err(RpcError::named("EMPTY_TRANSFERS", "Empty transfers"));
        }
        if payments.len() > MAX_TRANSFERS {
            return Err(RpcError::named(
                "MAX_TRANSFER_COUNT_REACHED",
                "Max transfer count reached",
            ));
        }
        if payments.iter().any(|(_, is_ours)| !is_ours) {
            let message = "Address is not on the same network as us";
            return Err(RpcError::named("INVALID_NETWORK", message));
        }
        if let Some(transfer) = transfers
            .iter()
            .find(|transfer| transfer.asset != NATIVE_ASSET)
        {
            let message = format!("No balance for asset {}", transfer.asset);
            return Err(RpcError::named("BALANCE_NOT_FOUND", message));
        }
        if payments
            .iter()
            .any(|(payment, _)| payment.destination == self.key)
        {
            return Err(RpcError::named("SENDER_IS_RECEIVER", "Sender is receiver"));
        }
        Ok(payments.into_iter().map(|(payment, _)| payment).collect())
    }
}

/// The key of an address of any network, and whether it is of this one.
fn read_any_address(text: &str, network: Network) -> Result<([u8; 32], bool), RpcError> {
    match Address::parse(text, network) {
        Ok(address) => Ok((*address.public_key(), true)),
        Err(error) => [Network::Mainnet, Network::Devnet]
            .into_iter()
            .find_map(|other| Address::parse(text, other).ok())
            .map(|address| (*address.public_key(), false))
            .ok_or_else(|| RpcError::invalid_params(error)),
    }
}

fn fee_atomic(
    chain: &Chain,
    payments: &[Payment],
    fee: &FeeParams,
    base_fee: &BaseFeeParams,
) -> u64 {
    let extra = match fee {
        FeeParams::Fixed(fee_atomic) => return *fee_atomic,
        FeeParams::Extra(extra) => extra,
    };
    let mut new_accounts: Vec<[u8; 32]> = payments
        .iter()
        .map(|payment| payment.destination)
        // An account that exists only above the stable height may vanish again.
        .filter(|key| {
            !chain
                .accounts()
                .is_registered_at(key, chain.stable_topoheight())
        })
        .collect();
    new_accounts.sort_unstable();
    new_accounts.dedup();
    let size = fees::transaction_bytes(payments.len());
    let minimum = fees::minimum_fee_atomic(size, payments.len(), new_accounts.len());
    let per_kib = match base_fee {
        BaseFeeParams::None => FEE_PER_KIB_ATOMIC,
        BaseFeeParams::Fixed(per_kib) => *per_kib,
        BaseFeeParams::Cap(cap) => FEE_PER_KIB_ATOMIC.min(*cap),
    };
    let kib = (size as u64).div_ceil(1_024);
    let plain = minimum - kib * FEE_PER_KIB_ATOMIC + kib.saturating_mul(per_kib);
    match extra {
        ExtraFee::None => plain,
        ExtraFee::Tip(tip_atomic) => plain.saturating_add(*tip_atomic),
        ExtraFee::Multiplier(factor) => (plain as f64 * factor.max(1.0)) as u64,
    }
}
