//! `raftpool payout reconcile`

use anyhow::bail;
use raftpool_api::dto::admin::PauseRequest;
use serde_json::Value;

use super::connect;
use crate::amount::xel;
use crate::cli::backup::ReconcileArgs;
use crate::operator::{items, plain, text};
use crate::system::user_name;

pub(super) async fn execute(args: &ReconcileArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let path = "payouts/reconciliation";
    let found = client.get(path).await?;
    print_finding(&found);
    if !args.apply {
        println!("nothing is changed; book it with --apply --reason TEXT");
        return Ok(());
    }
    let Some(reason) = args.reason.clone() else {
        bail!("--apply needs --reason");
    };
    let author = user_name();
    let changed = client.post(path, &PauseRequest { author, reason }).await?;
    println!(
        "the books are reconciled since log index {}; `raftpool payout resume` lets payouts go on",
        changed["index"]
    );
    Ok(())
}

fn print_finding(found: &Value) {
    println!(
        "nonces: the books have used those below {}, the chain those below {} for good and below \
         {} in all",
        found["books_nonce"], found["stable_nonce"], found["top_nonce"]
    );
    println!(
        "the wallet holds {} XEL, the books owe {} XEL",
        xel(&found["wallet_atomic"]),
        xel(&found["owed_atomic"])
    );
    let spends = items(&found["spends"]);
    if spends.is_empty() {
        println!("the chain executed nothing that the books do not have");
    }
    for spend in spends {
        println!(
            "not in the books: {} with nonce {}, at topoheight {}, fee {} XEL",
            text(&spend["tx_hash"]),
            spend["nonce"],
            spend["topoheight"],
            xel(&spend["fee_atomic"])
        );
        for payee in items(&spend["payees"]) {
            let balance = match payee["balance_atomic"].is_null() {
                true => "the books do not know the address".to_owned(),
                false => format!("balance {} XEL", xel(&payee["balance_atomic"])),
            };
            println!(
                "  {} XEL to {} ({balance})",
                xel(&payee["amount_atomic"]),
                text(&payee["address"])
            );
        }
    }
    for problem in items(&found["problems"]) {
        println!("in the way: {}", plain(text(problem)));
    }
}
