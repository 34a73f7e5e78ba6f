//! Prints the result for each order, and the summary.

use std::io;

use anyhow::bail;
use serde_json::json;
use url::Url;

use crate::{
    features::orders::{
        review::Refusal,
        service::review::{Item, Report, ReviewError},
    },
    provider::carrier::redact,
};

/// Prints each order as soon as its result is known, and counts the results.
pub(super) struct Printer {
    dry: bool,
    report: Report,
    provider_unreachable: bool,
}

impl Printer {
    pub(super) fn new(dry: bool) -> Self {
        Self { dry, report: Report::default(), provider_unreachable: false }
    }

    pub(super) fn item(&mut self, item: &Item, json: bool) -> io::Result<()> {
        self.report.count(item.result.as_ref().copied());
        self.provider_unreachable |= matches!(item.result, Err(ReviewError::Refused(Refusal::CannotAsk(_))));
        match &item.result {
            Ok(()) => self.show(item, "done", "", json),
            Err(error) => self.show(item, "refused", &error.to_string(), json),
        }
    }

    fn show(&self, item: &Item, outcome: &str, detail: &str, json: bool) -> io::Result<()> {
        let (id, number, dry) = (&item.id, &item.order_number, self.dry);
        if json {
            let detail = Some(detail).filter(|text| !text.is_empty());
            let line = json!({
                "id": id, "orderNumber": number, "outcome": outcome, "detail": detail, "dryRun": dry
            });
            return super::super::say(&line.to_string());
        }
        let would = if dry { "would be " } else { "" };
        let colon = if detail.is_empty() { "" } else { ": " };
        super::super::say(&format!("{id}  {number:<17}  {would}{outcome}{colon}{detail}"))
    }

    pub(super) fn stopped(&mut self, why: Option<String>) {
        self.report.stopped = why;
    }

    /// Prints the summary. Fails if an order was refused.
    pub(super) fn finish(self, json: bool, provider: &Url) -> anyhow::Result<()> {
        let Report { done, refused, reasons, stopped } = &self.report;
        if json {
            let dry = self.dry;
            let summary = json!({
                "done": done, "refused": refused, "reasons": reasons, "stopped": stopped, "dryRun": dry
            });
            super::super::say(&summary.to_string())?;
        } else if done + refused != 1 {
            let by: Vec<_> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
            let would = if self.dry { "would be " } else { "" };
            super::super::say(&format!("{would}done {done}, refused {refused}{by}"))?;
        }
        if let Some(why) = stopped {
            bail!("stopped before the end: {}; run it again to continue", redact::words(why));
        }
        if self.provider_unreachable {
            bail!(
                "{refused} refused: {provider} cannot be asked. Is it running? `adopt --unverified` accepts \
                 an AWB that you have seen yourself, `rebook --force` books without asking"
            );
        }
        if *refused > 0 {
            bail!("{refused} of {} refused", done + refused);
        }
        Ok(())
    }
}
