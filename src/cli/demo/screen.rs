//! One line per order: redrawn in place on a terminal, printed once per change elsewhere; then a table.

use std::io::{self, IsTerminal, Write};

use super::{Expect, Row};

pub(super) struct Screen {
    live: bool,
    /// Lines on the terminal that belong to the orders.
    drawn: usize,
    /// What was last printed of each order.
    printed: Vec<String>,
    url: String,
}

impl Screen {
    pub(super) fn new(url: &str) -> Self {
        Self { live: io::stdout().is_terminal(), drawn: 0, printed: Vec::new(), url: url.to_owned() }
    }

    pub(super) fn show(&mut self, rows: &[Row]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.live {
            if self.drawn > 0 {
                write!(out, "\x1b[{}A", self.drawn)?; // up to the first line
            }
            for row in rows {
                writeln!(out, "\x1b[2K{}", line(row))?;
            }
            self.drawn = rows.len();
            return out.flush();
        }
        self.printed.resize(rows.len(), String::new());
        for (row, printed) in rows.iter().zip(&mut self.printed) {
            let now = line(row);
            if *printed != now {
                writeln!(out, "{now}")?;
                *printed = now;
            }
        }
        out.flush()
    }

    pub(super) fn table(&self, rows: &[Row]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "\n{:<4} {:<12} {:<10} {:<24} {:<16} {:<36}", "", "order", "expected", "ended", "AWB", "id")?;
        for row in rows {
            let (mark, expect) = (mark(row), expected(row.expect));
            let (awb, id) = (row.awb.as_deref().unwrap_or("-"), row.id.as_deref().unwrap_or("-"));
            writeln!(out, "{mark:<4} {:<12} {expect:<10} {:<24} {awb:<16} {id:<36}", row.client_order_id, row.state)?;
        }
        let well = rows.iter().filter(|r| r.well == Some(true)).count();
        writeln!(out, "\n{well} of {} ended as they should on {}", rows.len(), self.url)?;
        out.flush()
    }
}

fn line(row: &Row) -> String {
    let awb = row.awb.as_deref().map(|awb| format!("AWB {awb}")).unwrap_or_default();
    format!("{:<4} {:<12} {:<24} {awb}", mark(row), row.client_order_id, row.state)
}

fn mark(row: &Row) -> &'static str {
    match row.well {
        None => "..",
        Some(true) => "ok",
        Some(false) => "BAD",
    }
}

fn expected(expect: Expect) -> &'static str {
    match expect {
        Expect::Booked => "booked",
        Expect::Replay => "replay",
        Expect::Mismatch => "mismatch",
        Expect::Refused => "refused",
    }
}
