//! A listener that takes no further connections, though it still stands.
//!
//! Guards against a connection that is reset because it came between the last look at the listen queue and
//! the listener's end: no program can see that moment, so the system is told beforehand to pass over whoever
//! begins to connect. Their system tries again a second later, and then meets the next process, or is refused
//! before it has sent anything. Whoever is in the middle of connecting comes through.

use std::io;

use tokio::net::TcpListener;

/// Whether the system can do that.
#[cfg(target_os = "linux")]
pub(super) fn deafen(listener: &TcpListener) -> io::Result<()> {
    use socket2::{SockFilter, SockRef};

    /// Instructions of the classic packet filter.
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    /// Where a TCP header has its flags, and the one that begins a connection.
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;

    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_ANY_BIT, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

/// Elsewhere the moment stays.
#[cfg(not(target_os = "linux"))]
pub(super) fn deafen(_: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
