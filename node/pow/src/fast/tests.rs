//! The fast code against the plain operators and the portable code, mostly at the edges that
//! random works do not reach.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::division::{Estimated, Instructed, isqrt_v3_fast};
use super::*;
use crate::arithmetic::isqrt_v3;
use crate::{Algorithm, Hasher, WORK_SIZE, portable};

const TUPLES: usize = 600_000;

fn seeded(seed: u64) -> StdRng {
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

/// A word that often lies at an edge of something: powers of two, squares, wrapping roots.
fn edgy(random: &mut StdRng) -> u64 {
    let near = random.random_range(0..5u64).wrapping_sub(2);
    match random.random_range(0..10) {
        0 => near,
        1 => (1u64 << random.random_range(0..64)).wrapping_add(near),
        2 => 0xffff_fffe_0000_0001u64.wrapping_add(near),
        3 => 0u64.wrapping_sub(1024).wrapping_add(near),
        4 => 0u64.wrapping_sub(random.random_range(0..1 << 17)),
        5 => {
            let root = u64::from(random.random::<u32>());
            (root * root).wrapping_add(near)
        }
        6 => 0xffff_0000_0000_0000u64.wrapping_add(near),
        7 => random.random::<u64>() >> random.random_range(0..64),
        _ => random.random(),
    }
}

fn check_division<D: Division>(random: &mut StdRng) {
    for _ in 0..TUPLES {
        let (high, low, divisor) = (edgy(random), edgy(random), edgy(random).max(1));
        let wide = u128::from(divisor);
        let context = format!("{high:#x}:{low:#x} by {divisor:#x}");
        assert_eq!(
            D::remainder(high, low, divisor),
            (join(high, low) % wide) as u64,
            "{context}"
        );
        assert_eq!(
            D::quotient(high, low, divisor),
            (join(high, low) / wide) as u64,
            "{context}"
        );
        assert_eq!(
            D::remainder_narrow(low, divisor),
            low % divisor,
            "{context}"
        );
        assert_eq!(
            D::remainder_low_small(high, low, divisor),
            (join(high, low) % wide) as u64,
            "{context}"
        );
        // A multiple of the divisor and its neighbours, where an estimate errs first.
        let multiple = wide
            .wrapping_mul(u128::from(high))
            .wrapping_add(u128::from(low % 3));
        let dividend = multiple.wrapping_sub(1);
        assert_eq!(
            D::remainder((dividend >> 64) as u64, dividend as u64, divisor),
            (dividend % wide) as u64,
            "{dividend:#x} by {divisor:#x}"
        );
    }
}

fn check_division_of_pairs<D: Division>(random: &mut StdRng) {
    for _ in 0..TUPLES {
        let divisor = join(edgy(random), edgy(random).max(1));
        let dividend = match random.random_range(0..3) {
            0 => divisor
                .wrapping_mul(u128::from(edgy(random)))
                .wrapping_sub(1),
            1 => divisor.wrapping_mul(random.random_range(0..4)),
            _ => join(edgy(random), edgy(random)),
        };
        let context = format!("{dividend:#x} by {divisor:#x}");
        assert_eq!(
            D::remainder_of_pair(dividend, divisor),
            dividend % divisor,
            "{context}"
        );
        assert_eq!(
            D::quotient_of_pair(dividend, divisor),
            (dividend / divisor) as u64,
            "{context}"
        );
    }
}

#[test]
fn divisions_match_the_operators() {
    let random = &mut seeded(1);
    check_division::<Instructed>(random);
    check_division::<Estimated>(random);
}

#[test]
fn divisions_of_pairs_match_the_operators() {
    let random = &mut seeded(2);
    check_division_of_pairs::<Instructed>(random);
    check_division_of_pairs::<Estimated>(random);
}

#[test]
fn roots_match_the_definition() {
    let random = &mut seeded(3);
    let mut odd = 0;
    for _ in 0..2_000_000 {
        let number = edgy(random);
        assert_eq!(isqrt_v3_fast(number), isqrt_v3(number), "{number}");
        odd += usize::from(isqrt_v3(number) != number.isqrt());
    }
    assert!(odd > 1000, "only {odd} numbers had a root that wraps");
    for below_end in 0..5000 {
        let number = u64::MAX - below_end;
        assert_eq!(isqrt_v3_fast(number), isqrt_v3(number), "{number}");
    }
}

fn check_branches<D: Division>(random: &mut StdRng) {
    for _ in 0..TUPLES / 16 {
        let operands = Operands {
            a: edgy(random),
            b: edgy(random),
            c: edgy(random),
            r: random.random_range(0..2 * V3_HALF_WORDS as u64),
            result: edgy(random),
            i: random.random_range(0..3),
            j: random.random_range(0..V3_HALF_WORDS as u64),
        };
        for branch in 0..16 {
            assert_eq!(
                v2::branch::<D>(branch, &operands),
                portable::branch_v2(branch, &operands),
                "version 2, branch {branch}, {operands:?}"
            );
            assert_eq!(
                v3::branch::<D>(branch, &operands),
                portable::branch_v3(branch, &operands),
                "version 3, branch {branch}, {operands:?}"
            );
        }
    }
}

#[test]
fn branches_match_the_definition() {
    let random = &mut seeded(4);
    check_branches::<Instructed>(random);
    check_branches::<Estimated>(random);
}

/// Scratchpads full of numbers whose roots wrap, and of other edges. Steps over them meet in one
/// run what random works meet once in 100,000 hashes.
#[test]
fn stage_3_agrees_on_scratchpads_of_edges() {
    let random = &mut seeded(5);
    for round in 0..6 {
        let pad: Vec<Word> = (0..2 * V3_HALF_WORDS)
            .map(|_| match round {
                0 => 0u64.wrapping_sub(random.random_range(0..1 << 17)),
                1 => 0xffff_fffe_0000_0001 - random.random_range(0..40_000u64),
                _ => edgy(random),
            })
            .map(u64::to_le_bytes)
            .collect();
        let mut expected_v3 = pad.clone();
        let expected_outcome = portable::stage3_v3(&mut expected_v3);
        let mut expected_v2 = pad[..2 * V2_HALF_WORDS].to_vec();
        portable::stage3_v2(&mut expected_v2);
        for kernel in Kernel::available() {
            let mut got: Box<PadV3> = pad.clone().into_boxed_slice().try_into().unwrap();
            assert_eq!((kernel.stage3_v3)(&mut got), expected_outcome);
            assert!(
                got.as_slice() == expected_v3,
                "{}, version 3, round {round}",
                kernel.name
            );
            let got: &mut PadV2 = &mut pad[..2 * V2_HALF_WORDS].try_into().unwrap();
            (kernel.stage3_v2)(got);
            assert!(
                got.as_slice() == expected_v2,
                "{}, version 2, round {round}",
                kernel.name
            );
        }
    }
}

#[test]
fn every_kernel_hashes_as_the_portable_code() {
    let random = &mut seeded(6);
    let mut portable = Hasher::portable();
    let mut hashers: Vec<Hasher> = Kernel::available()
        .into_iter()
        .map(Hasher::with_kernel)
        .collect();
    for round in 0..60 {
        let work: [u8; WORK_SIZE] = random.random();
        for algorithm in [Algorithm::V2, Algorithm::V3] {
            let expected = portable.hash(algorithm, &work);
            for hasher in &mut hashers {
                let got = hasher.hash(algorithm, &work);
                assert_eq!(
                    got,
                    expected,
                    "{}, {algorithm}, work {round}",
                    hasher.kernel_name()
                );
            }
        }
    }
}
