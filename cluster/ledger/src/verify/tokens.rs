//! Tokens against their ids and against the counts of their addresses.

use std::collections::BTreeMap;

use raftpool_proto::ledger as row;

use super::Scan;
use crate::record::{damaged, text};
use crate::tokens::{TOKEN_ID_BYTES, TOKENS_PER_MINER_MAX};
use crate::{StateError, key};

pub(super) fn check(scan: &mut Scan<'_>) -> Result<(), StateError> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut misplaced = Vec::new();
    scan.each(key::tokens(), |key, token: row::Token| {
        let owner = key::token_owner(key).ok_or_else(|| damaged("token's key"))?;
        let owner = text(owner)?;
        let id = token.hash.get(..TOKEN_ID_BYTES);
        if token.hash.len() != 32 || id.is_none_or(|id| key::token(&owner, id) != key) {
            misplaced.push(owner.clone());
        }
        *counts.entry(owner).or_default() += 1;
        Ok(())
    })?;
    for owner in misplaced {
        scan.report("L10", format!("a token of {owner} lies under another id"));
    }
    let mut rules = Vec::new();
    scan.each(key::token_rules_after(None), |key, rule: row::TokenRule| {
        rules.push((text(key::text_after_kind(key))?, rule));
        Ok(())
    })?;
    let head: row::TokensHead = scan.load(key::tokens_head())?;
    if head.changed_index == 0 && !rules.is_empty() {
        scan.report("L10", "the newest change of a token is not noted".into());
    }
    for (owner, rule) in rules {
        let found = counts.remove(&owner).unwrap_or_default();
        scan.check_equal("L10", || format!("tokens of {owner}"), rule.tokens, found);
        if rule == row::TokenRule::default() || rule.tokens > TOKENS_PER_MINER_MAX {
            scan.report("L10", format!("a token rule of {owner} that cannot be"));
        }
    }
    for owner in counts.into_keys() {
        scan.report("L10", format!("tokens of {owner} without a rule"));
    }
    Ok(())
}
