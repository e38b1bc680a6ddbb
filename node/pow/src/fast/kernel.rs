//! The compiled copies of stage 3, and the choice among them.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::chacha::{keystream, keystream_portable};
use super::division::{Estimated, Instructed};
use super::{PadV2, PadV3, v2, v3};
use crate::scratchpad::Keystream;
use crate::{PowError, portable};

/// Runs of each copy when the quickest is sought; the best of them counts, since whatever disturbs
/// a run makes it slower.
const TRIAL_RUNS: usize = 4;

/// One copy of the hashing code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernel {
    pub(crate) name: &'static str,
    pub(crate) keystream: Keystream,
    pub(crate) stage3_v2: fn(&mut PadV2),
    pub(crate) stage3_v3: fn(&mut PadV3) -> Result<(), PowError>,
}

impl Kernel {
    /// The code that follows the definition.
    pub(crate) const PORTABLE: Kernel = Kernel {
        name: "portable",
        keystream: keystream_portable,
        stage3_v2: |pad| portable::stage3_v2(pad),
        stage3_v3: |pad| portable::stage3_v3(pad),
    };

    const INSTRUCTED: Kernel = Kernel {
        name: "division instructions",
        keystream,
        stage3_v2: v2::stage3::<Instructed>,
        stage3_v3: v3::stage3::<Instructed>,
    };

    const ESTIMATED: Kernel = Kernel {
        name: "estimated division",
        keystream,
        stage3_v2: v2::stage3::<Estimated>,
        stage3_v3: v3::stage3::<Estimated>,
    };

    /// The quickest copy on this processor, measured when first asked for (about 30 ms).
    pub(crate) fn quickest() -> Kernel {
        static QUICKEST: OnceLock<Kernel> = OnceLock::new();
        *QUICKEST.get_or_init(measure_quickest)
    }

    /// The fast copies this processor can run.
    pub(crate) fn available() -> Vec<Kernel> {
        let mut kernels = vec![Kernel::INSTRUCTED, Kernel::ESTIMATED];
        #[cfg(target_arch = "x86_64")]
        kernels.extend(x86::available());
        kernels
    }
}

fn measure_quickest() -> Kernel {
    let kernels = Kernel::available();
    let mut best = vec![Duration::MAX; kernels.len()];
    let mut pad = vec![[0; 8]; size_of::<PadV3>() / 8].into_boxed_slice();
    for run in 0..TRIAL_RUNS {
        for (kernel, best) in kernels.iter().zip(&mut best) {
            for (position, word) in pad.iter_mut().enumerate() {
                let seed = (run << 32 | position) as u64;
                *word = crate::arithmetic::murmur(!seed).to_le_bytes();
            }
            let Some(pad) = pad.as_mut_array() else {
                continue;
            };
            let start = Instant::now();
            // The words above lead to no division by zero, and the time would be the same.
            let _ = (kernel.stage3_v3)(pad);
            *best = start.elapsed().min(*best);
        }
    }
    let quickest = best.iter().zip(&kernels).min_by_key(|(best, _)| **best);
    quickest.map_or(Kernel::INSTRUCTED, |(_, kernel)| *kernel)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! Copies for instruction sets that not every x86-64 processor has.

    use super::super::division::{Division, Estimated, Instructed};
    use super::super::{PadV2, PadV3, v2, v3};
    use super::{Kernel, keystream};
    use crate::PowError;

    /// Declares a module of copies compiled for some instruction sets; its functions check
    /// themselves that the processor has them, and run the plain copy if not.
    macro_rules! copies {
        ($module:ident, $features:literal, [$($feature:tt),+]) => {
            pub(super) mod $module {
                use super::*;

                pub(in super::super) fn is_available() -> bool {
                    $(is_x86_feature_detected!($feature))&&+
                }

                pub(in super::super) fn stage3_v2<D: Division>(pad: &mut PadV2) {
                    if !is_available() {
                        return v2::stage3::<D>(pad);
                    }
                    // SAFETY: the processor has every instruction set the copy is compiled for,
                    // as was checked in the line above.
                    #[allow(unsafe_code, reason = "calls a copy for checked instruction sets")]
                    unsafe {
                        compiled_v2::<D>(pad)
                    }
                }

                pub(in super::super) fn stage3_v3<D: Division>(
                    pad: &mut PadV3,
                ) -> Result<(), PowError> {
                    if !is_available() {
                        return v3::stage3::<D>(pad);
                    }
                    // SAFETY: as above.
                    #[allow(unsafe_code, reason = "calls a copy for checked instruction sets")]
                    unsafe {
                        compiled_v3::<D>(pad)
                    }
                }

                #[target_feature(enable = $features)]
                fn compiled_v2<D: Division>(pad: &mut PadV2) {
                    v2::stage3::<D>(pad);
                }

                #[target_feature(enable = $features)]
                fn compiled_v3<D: Division>(pad: &mut PadV3) -> Result<(), PowError> {
                    v3::stage3::<D>(pad)
                }
            }
        };
    }

    copies!(
        bmi2,
        "avx2,bmi1,bmi2,lzcnt",
        ["avx2", "bmi1", "bmi2", "lzcnt"]
    );
    copies!(
        avx512,
        "avx2,bmi1,bmi2,lzcnt,avx512f,avx512dq,avx512vl",
        [
            "avx2", "bmi1", "bmi2", "lzcnt", "avx512f", "avx512dq", "avx512vl"
        ]
    );

    pub(super) fn available() -> Vec<Kernel> {
        let mut kernels = Vec::new();
        if bmi2::is_available() {
            kernels.push(Kernel {
                name: "division instructions, BMI2",
                keystream,
                stage3_v2: bmi2::stage3_v2::<Instructed>,
                stage3_v3: bmi2::stage3_v3::<Instructed>,
            });
            kernels.push(Kernel {
                name: "estimated division, BMI2",
                keystream,
                stage3_v2: bmi2::stage3_v2::<Estimated>,
                stage3_v3: bmi2::stage3_v3::<Estimated>,
            });
        }
        if avx512::is_available() {
            kernels.push(Kernel {
                name: "division instructions, AVX-512",
                keystream,
                stage3_v2: avx512::stage3_v2::<Instructed>,
                stage3_v3: avx512::stage3_v3::<Instructed>,
            });
            kernels.push(Kernel {
                name: "estimated division, AVX-512",
                keystream,
                stage3_v2: avx512::stage3_v2::<Estimated>,
                stage3_v3: avx512::stage3_v3::<Estimated>,
            });
        }
        kernels
    }
}
