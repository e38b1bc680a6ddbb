//! How safe the reserve is that PPS and FPPS are paid from, as alarms.

use raftpool_ledger::command::Settings;
use raftpool_ledger::reserve::{Reserve, ReserveLevel};

use super::Scanner;
use crate::alarm::AlarmKind;

const LOW: &str = "the reserve of PPS and FPPS is below one and a half times what it should hold: \
                   see `raftpool pool accounts`, and move money into it or raise the fee";
const EXHAUSTED: &str = "the reserve of PPS and FPPS is used up, and their new work is booked under \
                         PPLNS until ten blocks are above its floor: move money into it";
const STOPPED: &str = "the reserve of PPS and FPPS is used up, and their new work is refused, \
                       because PPLNS is not offered: move money into it, or offer PPLNS";

impl Scanner {
    pub(super) fn show_reserve(&self, settings: &Settings, reserve: Option<Reserve>) {
        let is_offered = settings.pps_offered || settings.fpps_offered;
        let level = reserve.filter(|_| is_offered).map(|reserve| reserve.level);
        let (kind, detail) = match level {
            None | Some(ReserveLevel::Safe) => {
                self.alarms.clear(AlarmKind::ReserveLow);
                return self.alarms.clear(AlarmKind::ReserveExhausted);
            }
            Some(ReserveLevel::Low) => (AlarmKind::ReserveLow, LOW),
            Some(ReserveLevel::Exhausted) => (AlarmKind::ReserveExhausted, EXHAUSTED),
            Some(ReserveLevel::Stopped) => (AlarmKind::ReserveExhausted, STOPPED),
        };
        let now_ms = self.ctx.now_ms();
        self.alarms.raise(kind, detail.to_owned(), now_ms);
        self.alarms.clear(match kind {
            AlarmKind::ReserveLow => AlarmKind::ReserveExhausted,
            _ => AlarmKind::ReserveLow,
        });
    }
}
