//! The arguments of `waybill review`.

use anyhow::anyhow;

use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        model::ReviewOf,
        service::{failures::FailedFilter, review::ReviewFilter},
    },
};

const LIST: &str = "\
Examples:
  waybill review list                              longest waiting first
  waybill review list --code outcome-unknown --json
  waybill review list --code 'cancel-*' --of cancellation
  waybill review list --user shop-1 --before 2026-01-31T09:30:00Z";

const ADOPT: &str = "\
Examples:
  waybill review adopt ord_019a… --awb 00000000000017 --reason 'seen there'
  waybill review adopt ord_019a… --awb 00000000000017 --unverified \\
    --reason 'ParcelX support gave it on the phone'
  waybill review adopt --all-found --code outcome-unknown --dry-run --reason x
  waybill review adopt --all-found --yes --reason 'after the outage'

ParcelX must show the AWB for our reference, and not as cancelled, unless you
use --unverified. An AWB of another order is never accepted.";

const REBOOK: &str = "\
Examples:
  waybill review rebook ord_019a… --reason 'not in the panel'
  waybill review rebook --all --code provider-unreachable --yes \\
    --reason 'ParcelX is available again'
  waybill review rebook --all --dry-run --reason 'what would happen?'

If an earlier call may have booked the order, ParcelX is asked first and must
not show it, with --dry-run as well. --force skips that check: the order may
ship twice.";

const FAIL: &str = "\
Examples:
  waybill review fail ord_019a… --reason 'Not booked: please order again'
  waybill review fail --all --code poison --user shop-1 --yes --reason Tests

The merchant can read the reason. A shipment that is found later is cancelled
automatically.";

const RESEND: &str = "\
Examples:
  waybill review resend --reason-text 'enough credits' \\
    --since 2026-01-31T09:00:00Z --dry-run --reason 'what would happen?'
  waybill review resend --reason-text 'plan has ended' \\
    --since 2026-01-31T09:00:00Z --yes --reason 'the account was topped up'

Each order is looked up first. One that is live at ParcelX is not sent: that
shipment is cancelled, or the order goes to review. What was sent again is not
sent twice: after an interruption, run the command again.";

const ERASE: &str = "\
Examples:
  waybill review erase ord_019a… ord_019b… --reason 'request 4711 of 3 May'

Name, phones, e-mail and address lines go. Number, AWB, pincode, city and what
was shipped stay. ParcelX and backups keep what they have.";

const CANCEL_SHIPMENT: &str = "\
Examples:
  waybill review cancel-shipment ord_019a… --reason 'the courier allows it now'
  waybill review cancel-shipment ord_019a… --awb 00000000000017 \\
    --reason 'second attempt'";

const CLOSE: &str = "\
Examples:
  waybill review close-cancellation ord_019a… --cancelled \\
    --reason 'cancelled in the panel'
  waybill review close-cancellation ord_019a… --awb 00000000000017 --live \\
    --reason 'already delivered, both are paid'";

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// List the orders in review, longest waiting first.
    #[command(after_help = LIST)]
    List(List),
    /// Record a shipment that exists at ParcelX as the order's own.
    #[command(after_help = ADOPT)]
    Adopt(Adopt),
    /// Send orders to ParcelX again.
    #[command(after_help = REBOOK)]
    Rebook(Rebook),
    /// Mark orders as failed, with a reason for the merchant.
    #[command(after_help = FAIL)]
    Fail(Many),
    /// Give two orders their own shipments, of which one has the other's. ParcelX is asked for both.
    Exchange(Exchange),
    /// Erase the personal data of the consignees of orders that have ended, for good.
    #[command(after_help = ERASE)]
    Erase(Erase),
    /// Send failed orders again that failed by somebody else's fault.
    #[command(after_help = RESEND)]
    Resend(Resend),
    /// Send the cancel of a shipment again.
    #[command(after_help = CANCEL_SHIPMENT)]
    CancelShipment(One),
    /// Record whether a shipment with an unclear cancel is cancelled or live.
    #[command(after_help = CLOSE)]
    CloseCancellation(CloseCancellation),
}

#[derive(Debug, clap::Args)]
pub(super) struct Filter {
    /// Only with this review code, such as outcome-unknown, or its beginning, such as outcome-*.
    #[arg(long)]
    code: Option<String>,
    /// Only of this merchant.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Only those in review since this time or later, such as 2026-01-31T09:30:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only those in review since before this time.
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
}

impl Filter {
    /// Fails if a filter is set together with named orders: it would have no effect, which is not what the
    /// caller expects.
    pub(super) fn unused(&self) -> anyhow::Result<()> {
        let none = [&self.code, &self.user, &self.from, &self.before].iter().all(|given| given.is_none());
        if none {
            Ok(())
        } else {
            Err(anyhow!("--code, --user, --from and --before cannot be used with named orders"))
        }
    }

    pub(super) fn read(&self) -> anyhow::Result<ReviewFilter> {
        let time = |name: &str, text: &Option<String>| {
            let read = text.as_deref().map(Timestamp::parse).transpose();
            read.map_err(|_| anyhow!("--{name}: must be a time such as 2026-01-31T09:30:00Z"))
        };
        Ok(ReviewFilter {
            code: self.code.clone(),
            of: None,
            user_id: self.user.clone(),
            from: time("from", &self.from)?,
            before: time("before", &self.before)?,
        })
    }
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Only reviews of a booking, or of a cancellation.
    #[arg(long, value_enum)]
    pub(super) of: Option<Of>,
    /// The number of orders, 1 to 1000.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) limit: u16,
    /// Continue after a page: the `next` of that page.
    #[arg(long, value_name = "CURSOR")]
    pub(super) after: Option<String>,
    /// One JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Of {
    Booking,
    Cancellation,
}

impl From<Of> for ReviewOf {
    fn from(of: Of) -> Self {
        match of {
            Of::Booking => Self::Booking,
            Of::Cancellation => Self::Cancellation,
        }
    }
}

/// The arguments of every change.
#[derive(Debug, clap::Args)]
pub(super) struct Change {
    /// Who acts; by default the user of this machine.
    #[arg(long, value_name = "NAME")]
    pub(super) actor: Option<String>,
    /// The reason, which is kept in the audit log.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    /// JSON: an object for each order, and a summary at the end.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Adopt {
    /// The order.
    #[arg(required_unless_present = "all_found", requires = "awb", conflicts_with = "all_found")]
    pub(super) id: Option<String>,
    /// The AWB of its shipment.
    #[arg(long, conflicts_with = "all_found", requires = "id")]
    pub(super) awb: Option<String>,
    /// Accept the AWB without asking ParcelX.
    #[arg(long, conflicts_with = "all_found")]
    pub(super) unverified: bool,
    /// Ask ParcelX about each order in review, and adopt the shipments it shows.
    #[arg(long)]
    pub(super) all_found: bool,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Only print what would be done.
    #[arg(long, requires = "all_found")]
    pub(super) dry_run: bool,
    /// Change more than one order without a question.
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) change: Change,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Many {
    /// The orders.
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ID")]
    pub(super) ids: Vec<String>,
    /// Every order whose booking is in review, or those that match the filter.
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Only print what would be done. ParcelX is asked where the run would ask it.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Change more than one order without a question.
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) change: Change,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Rebook {
    #[command(flatten)]
    pub(super) many: Many,
    /// Do not ask ParcelX first: the order may ship twice.
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Exchange {
    /// The two orders.
    #[arg(num_args = 2, required = true, value_names = ["ID", "OTHER_ID"])]
    pub(super) ids: Vec<String>,
    #[command(flatten)]
    pub(super) change: Change,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Erase {
    #[arg(required = true, value_name = "ID")]
    pub(super) ids: Vec<String>,
    #[command(flatten)]
    pub(super) change: Change,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Resend {
    /// Only orders whose reason holds this text, as merchants read it in syncReason.
    #[arg(long, value_name = "TEXT")]
    reason_text: String,
    /// Only orders that failed at this time or later, such as 2026-01-31T09:30:00Z.
    #[arg(long, value_name = "TIME")]
    since: String,
    /// Only orders that failed before this time.
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// Only of this merchant.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// The maximum number of orders that one run sends, 1 to 10000.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// Only print what would be done. ParcelX is asked as in the run.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Change more than one order without a question.
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) change: Change,
}

impl Resend {
    pub(super) fn filter(&self) -> anyhow::Result<FailedFilter> {
        let text = self.reason_text.trim();
        if text.chars().count() < 3 {
            return Err(anyhow!("--reason-text: must have 3 characters or more"));
        }
        let time = |name: &str, text: &str| {
            Timestamp::parse(text)
                .map_err(|_| anyhow!("--{name}: must be a time such as 2026-01-31T09:30:00Z"))
        };
        Ok(FailedFilter {
            text: Some(text.to_owned()),
            cause: None,
            from: Some(time("since", &self.since)?),
            before: self.before.as_deref().map(|text| time("before", text)).transpose()?,
            user_id: self.user.clone(),
        })
    }

    pub(super) fn limit(&self) -> usize {
        usize::from(self.limit)
    }
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct One {
    /// The order.
    pub(super) id: String,
    /// The shipment, if several are in review.
    #[arg(long)]
    pub(super) awb: Option<String>,
    #[command(flatten)]
    pub(super) change: Change,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(in crate::cli) struct CloseCancellation {
    #[command(flatten)]
    pub(super) one: One,
    #[command(flatten)]
    pub(super) seen: Seen,
}

/// What became of a shipment: one of the two.
#[derive(Debug, clap::Args)]
#[group(id = "fate", required = true, multiple = false)]
pub(in crate::cli) struct Seen {
    /// The shipment is cancelled.
    #[arg(long)]
    pub(super) cancelled: bool,
    /// The shipment stays live.
    #[arg(long)]
    pub(super) live: bool,
}
