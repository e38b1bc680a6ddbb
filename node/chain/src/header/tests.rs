use proptest::{collection::vec, prelude::*};
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Vector {
    header_hex: Option<String>,
    work_hash_hex: Option<String>,
    miner_work_hex: String,
    block_hash_hex: Hash,
    height: Option<u64>,
    timestamp_ms: Option<u64>,
    #[serde(default)]
    tips: Vec<Hash>,
}

#[test]
fn vectors_give_their_work_and_block_hashes() -> anyhow::Result<()> {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../testdata/block-hashes.json"))?;
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let mut work = [0; raftpool_pow::WORK_SIZE];
        hex::decode_to_slice(&vector.miner_work_hex, &mut work)?;
        let work = MinerWork::from_bytes(&work);
        assert_eq!(work.block_hash(), vector.block_hash_hex);
        let Some(header_hex) = vector.header_hex else {
            continue;
        };
        let bytes = hex::decode(header_hex)?;
        let header = BlockHeader::decode(&bytes)?;
        assert_eq!(header.encode(), bytes);
        assert_eq!(Some(header.height), vector.height);
        assert_eq!(Some(header.timestamp_ms), vector.timestamp_ms);
        assert_eq!(header.tips, vector.tips);
        assert_eq!(Some(header.work_hash().to_string()), vector.work_hash_hex);
        assert_eq!(header.miner_work(), work);
        assert_eq!(header.block_hash(), vector.block_hash_hex);
    }
    Ok(())
}

#[test]
fn miner_works_given_by_the_daemon_belong_to_the_templates_sent() -> anyhow::Result<()> {
    let mut compared = 0;
    for line in include_str!("../../testdata/daemon-rpc.jsonl").lines() {
        let exchange: serde_json::Value = serde_json::from_str(line)?;
        let (Some(template), Some(work)) = (
            exchange["request"]["params"]["template"].as_str(),
            exchange["response"]["result"]["miner_work"].as_str(),
        ) else {
            continue;
        };
        let header = BlockHeader::decode(&hex::decode(template)?)?;
        assert_eq!(hex::encode(header.miner_work().to_bytes()), work);
        compared += 1;
    }
    assert!(compared >= 2);
    Ok(())
}

#[test]
fn hashes_of_blocks_submitted_to_the_daemon_are_the_daemons_hashes() -> anyhow::Result<()> {
    let mut submitted = Vec::new();
    let mut seen = 0;
    for line in include_str!("../../testdata/dag.jsonl").lines() {
        let exchange: serde_json::Value = serde_json::from_str(line)?;
        if let Some(template) = exchange["request"]["params"]["block_template"].as_str() {
            submitted.push(
                BlockHeader::decode(&hex::decode(template)?)?
                    .block_hash()
                    .to_string(),
            );
        }
        for block in exchange["response"]["result"]
            .as_array()
            .into_iter()
            .flatten()
        {
            seen += usize::from(
                submitted
                    .iter()
                    .any(|hash| Some(hash.as_str()) == block["hash"].as_str()),
            );
        }
    }
    assert!(
        seen >= 3,
        "only {seen} of the submitted blocks were recognised"
    );
    Ok(())
}

#[test]
fn broken_headers_are_refused_by_name() {
    let header = example();
    let bytes = header.encode();
    let decode = |bytes: &[u8]| BlockHeader::decode(bytes).expect_err("refused");
    assert_eq!(
        decode(&[]),
        CodecError::Truncated {
            field: "version",
            bytes: 0
        }
    );
    assert_eq!(
        decode(&bytes[..bytes.len() - 1]),
        CodecError::Truncated {
            field: "miner key",
            bytes: bytes.len() - 1
        }
    );
    assert_eq!(
        decode(&[bytes.as_slice(), &[0]].concat()),
        CodecError::TrailingBytes { bytes: 1 }
    );
    let tips = (1..=4).map(|byte| Hash([byte; 32])).collect();
    let too_many = BlockHeader {
        tips,
        ..header.clone()
    };
    assert_eq!(
        decode(&too_many.encode()),
        CodecError::TooManyTips {
            count: 4,
            max: TIPS_MAX
        }
    );
    let tip = Hash([9; 32]);
    let repeated = BlockHeader {
        tips: vec![tip, Hash([1; 32]), tip],
        ..header
    };
    assert_eq!(decode(&repeated.encode()), CodecError::RepeatedTip { tip });
}

#[test]
fn work_changes_only_what_a_miner_may_change() {
    let header = example();
    let work = MinerWork {
        work_hash: header.work_hash().0,
        timestamp_ms: 5,
        nonce: u64::MAX,
        extra_nonce: [3; 32],
        miner_key: [4; 32],
    };
    let found = header.with_work(&work);
    assert_eq!(found.work_hash(), header.work_hash());
    assert_eq!(found.miner_work(), work);
    assert_eq!(found.block_hash(), work.block_hash());
    assert_ne!(found.block_hash(), header.block_hash());
}

fn example() -> BlockHeader {
    BlockHeader {
        version: 6,
        height: 9,
        timestamp_ms: 1_795_349_168_848,
        nonce: 0,
        extra_nonce: [1; 32],
        tips: vec![Hash([2; 32])],
        transactions: vec![Hash([3; 32]), Hash([4; 32])],
        miner_key: [5; 32],
    }
}

prop_compose! {
    fn any_header()(
        version in any::<u8>(),
        numbers in any::<[u64; 3]>(),
        extra_nonce in any::<[u8; 32]>(),
        tips in proptest::collection::btree_set(any::<[u8; 32]>(), 0..=TIPS_MAX),
        transactions in vec(any::<[u8; 32]>(), 0..20),
        miner_key in any::<[u8; 32]>(),
    ) -> BlockHeader {
        BlockHeader {
            version,
            height: numbers[0],
            timestamp_ms: numbers[1],
            nonce: numbers[2],
            extra_nonce,
            tips: tips.into_iter().map(Hash).collect(),
            transactions: transactions.into_iter().map(Hash).collect(),
            miner_key,
        }
    }
}

proptest! {
    #[test]
    fn headers_round_trip(header in any_header()) {
        prop_assert_eq!(BlockHeader::decode(&header.encode()), Ok(header));
    }

    #[test]
    fn random_bytes_are_refused_or_encode_back(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(header) = BlockHeader::decode(&bytes) {
            prop_assert_eq!(header.encode(), bytes);
        }
    }

    #[test]
    fn damaged_headers_are_refused_or_encode_back(
        header in any_header(), index in any::<prop::sample::Index>(), byte in any::<u8>(), cut in 0_usize..40,
    ) {
        let mut bytes = header.encode();
        let index = index.index(bytes.len());
        bytes[index] = byte;
        bytes.truncate(bytes.len() - cut);
        if let Ok(header) = BlockHeader::decode(&bytes) {
            prop_assert_eq!(header.encode(), bytes);
        }
    }
}
