//! Named places in the code where a test can kill or freeze the process. They are compiled in only with the
//! feature `fault-points`.
//!
//! They let a test check the state that a power cut leaves between two particular writes.
//!
//! `WAYBILL_FAULT_POINT` names the place: `create:after-insert`, or `create:after-insert:3` for the third
//! time it is reached. With the prefix `stop:` the process freezes (as after `kill -STOP`) instead of ending.

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
        /// The visit, counted from 1, that triggers the fault.
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

    /// Arms one point for the life of the process. Later calls have no effect.
    pub fn arm(text: &str) {
        let _armed = ARMED.get_or_init(|| Armed::read(text));
    }

    /// Ends or freezes the process if this is the armed point.
    pub fn reach(point: &'static str) {
        let Some(armed) = ARMED.get().filter(|armed| armed.due(point)) else { return };
        tracing::error!("fault point {point}");
        if armed.stop {
            // The shell's parent is this process: it stays stopped until it receives SIGCONT.
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
