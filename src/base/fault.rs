//! Named places at which a test can have the process die or freeze; without the feature `fault-points` they
//! do not exist.
//!
//! Guards against promises that are only tested between the steps that a test can see: what a power cut
//! between two writes leaves behind is tried at exactly that place.
//!
//! `WAYBILL_FAULT_POINT` names the place: `create:after-insert`, or `create:after-insert:3` for the third
//! time that it is reached. `stop:` before it freezes the process there (as `kill -STOP` does) instead of
//! ending it.

/// Ends or freezes the process if this is the armed point.
#[cfg(not(feature = "fault-points"))]
#[inline]
pub fn reach(_point: &'static str) {}

#[cfg(feature = "fault-points")]
pub use armed::{arm, reach};

#[cfg(feature = "fault-points")]
mod armed {
    use std::{
        process::Command,
        sync::{
            OnceLock,
            atomic::{AtomicU32, Ordering},
        },
    };

    static ARMED: OnceLock<Armed> = OnceLock::new();

    #[derive(Debug)]
    struct Armed {
        point: String,
        /// Which time it is reached, from 1.
        nth: u32,
        stop: bool,
        reached: AtomicU32,
    }

    impl Armed {
        fn read(text: &str) -> Self {
            let (stop, text) = text.strip_prefix("stop:").map_or((false, text), |rest| (true, rest));
            let numbered = text.rsplit_once(':').and_then(|(point, n)| Some((point, n.parse().ok()?)));
            let (point, nth) = numbered.unwrap_or((text, 1));
            Self { point: point.to_owned(), nth, stop, reached: AtomicU32::new(0) }
        }

        fn due(&self, point: &str) -> bool {
            self.point == point && self.reached.fetch_add(1, Ordering::Relaxed) + 1 == self.nth
        }
    }

    /// Arms one point for the life of the process. What is armed first stays.
    pub fn arm(text: &str) {
        let _armed = ARMED.get_or_init(|| Armed::read(text));
    }

    /// Ends or freezes the process if this is the armed point.
    pub fn reach(point: &'static str) {
        let Some(armed) = ARMED.get().filter(|armed| armed.due(point)) else { return };
        tracing::error!("fault point {point}");
        if armed.stop {
            // The shell's parent is this process: it stands still until somebody sends SIGCONT.
            drop(Command::new("sh").args(["-c", "kill -STOP $PPID"]).status());
        } else {
            std::process::abort();
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_point_is_due_once_at_its_number() {
            let due = |text: &str| {
                let armed = Armed::read(text);
                (0..4).map(|_| armed.due("create:after-insert")).collect::<Vec<_>>()
            };
            assert_eq!(due("create:after-insert"), [true, false, false, false]);
            assert_eq!(due("create:after-insert:3"), [false, false, true, false]);
            assert_eq!(due("stop:create:after-insert:2"), [false, true, false, false]);
            assert_eq!(due("create:before-insert"), [false; 4]);
            assert!(Armed::read("stop:create:after-insert").stop);
            assert!(!Armed::read("create:after-insert").stop);
        }
    }
}
