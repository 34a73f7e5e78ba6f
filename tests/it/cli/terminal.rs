//! A pseudo-terminal as a program's standard input, with somebody at its keyboard.

use std::{fs::File, io::Write, os::fd::OwnedFd};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// The keyboard. When it is dropped, the terminal hangs up.
pub(super) struct Keyboard(File);

/// The keyboard, and what the program reads.
pub(super) fn open() -> (Keyboard, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    #[cfg(target_os = "linux")]
    // elsewhere it is only set below, and another test may start a program in between
    let flags = flags | OpenptFlags::CLOEXEC;
    let keyboard = openpt(flags).unwrap();
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let name = ptsname(&keyboard, Vec::new()).unwrap();
    let screen =
        rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
            .unwrap();
    // Else the program would hold the keyboard too, and never notice that it is gone.
    rustix::io::fcntl_setfd(&keyboard, rustix::io::FdFlags::CLOEXEC).unwrap();
    (Keyboard(keyboard.into()), screen)
}

impl Keyboard {
    pub(super) fn line(&mut self, text: &str) {
        self.0.write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    /// Ctrl-S: the screen stands still.
    pub(super) fn hold(&mut self) {
        self.0.write_all(&[0x13]).unwrap();
    }

    /// Ctrl-D: the end of the input.
    pub(super) fn end(&mut self) {
        self.0.write_all(&[4]).unwrap();
    }
}
