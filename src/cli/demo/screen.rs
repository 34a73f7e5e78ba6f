//! One line per order, redrawn in place on a terminal and otherwise printed after each change; then a table.

use std::io::{self, IsTerminal, Write};

use super::{Expect, Row};

pub(super) struct Screen {
    live: bool,
    /// The number of lines drawn on the terminal.
    drawn: usize,
    /// The last printed line of each order.
    printed: Vec<String>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { live: io::stdout().is_terminal(), drawn: 0, printed: Vec::new() }
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
        writeln!(out, "\n     order       expected    ended                 AWB             courier")?;
        for row in rows {
            let (mark, expect) = (mark(row), expected(row.expect));
            let (awb, courier) = (row.awb.as_deref().unwrap_or("-"), row.courier.as_deref().unwrap_or("-"));
            writeln!(
                out,
                "{mark:<3}  {:<10}  {expect:<10}  {:<20}  {awb:<14}  {courier}",
                row.client_order_id, row.state
            )?;
        }
        writeln!(out)?;
        for row in rows.iter().filter(|r| r.awb.is_none()) {
            if let Some(reason) = &row.reason {
                writeln!(out, "{} {}: {reason}", row.client_order_id, row.state)?;
            }
        }
        let passed = rows.iter().filter(|r| r.passed == Some(true)).count();
        writeln!(out, "{passed} of {} orders ended as they should.", rows.len())?;
        out.flush()
    }
}

/// Under 80 columns: a line that wraps would be redrawn in the wrong place.
fn line(row: &Row) -> String {
    let text = format!(
        "{:<3}  {:<10}  {:<20}  {}",
        mark(row),
        row.client_order_id,
        row.state,
        row.awb.as_deref().unwrap_or_default()
    );
    text.trim_end().to_owned()
}

fn mark(row: &Row) -> &'static str {
    match row.passed {
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
        Expect::Lost => "found",
        Expect::Cancelled => "cancelled",
    }
}
