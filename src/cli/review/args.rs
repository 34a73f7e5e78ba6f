//! The arguments of `waybill review`.

use anyhow::anyhow;

use crate::{
    base::timestamp::Timestamp,
    features::orders::{model::ReviewOf, service::review::ReviewFilter},
};

const LIST: &str = "\
Examples:
  waybill review list                              those that wait longest first
  waybill review list --code outcome-unknown --json
  waybill review list --code 'cancel-*' --of cancellation
  waybill review list --user shop-1 --before 2026-01-31T09:30:00Z";

const ADOPT: &str = "\
Examples:
  waybill review adopt ord_019a… --awb 00000000000017 --reason 'seen there'
  waybill review adopt ord_019a… --awb 00000000000017 --unverified \\
    --reason 'ParcelX support named it on the phone'
  waybill review adopt --all-found --code outcome-unknown --dry-run --reason x
  waybill review adopt --all-found --yes --reason 'after the outage'

ParcelX must show the AWB for our reference, and not as cancelled, unless you
say --unverified. An AWB of another order is never taken.";

const REBOOK: &str = "\
Examples:
  waybill review rebook ord_019a… --reason 'not in the panel'
  waybill review rebook --all --code provider-unreachable --yes \\
    --reason 'ParcelX is back'
  waybill review rebook --all --dry-run --reason 'what would happen?'

Where an earlier call may have booked it, ParcelX is asked first and must not
show the order. --force books without that: it may ship twice.";

const FAIL: &str = "\
Examples:
  waybill review fail ord_019a… --reason 'Not booked: please order again'
  waybill review fail --all --code poison --user shop-1 --yes --reason Tests

The merchant reads the reason. A shipment that comes to light later is
cancelled by itself.";

const CANCEL_SHIPMENT: &str = "\
Examples:
  waybill review cancel-shipment ord_019a… --reason 'the courier can now'
  waybill review cancel-shipment ord_019a… --awb 00000000000017 \\
    --reason 'once more'";

const CLOSE: &str = "\
Examples:
  waybill review close-cancellation ord_019a… --cancelled \\
    --reason 'cancelled in the panel'
  waybill review close-cancellation ord_019a… --awb 00000000000017 --live \\
    --reason 'already delivered, both are paid'";

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// Orders that wait for a person, those that wait longest first.
    #[command(after_help = LIST)]
    List(List),
    /// Give an order its shipment.
    #[command(after_help = ADOPT)]
    Adopt(Adopt),
    /// Send orders to ParcelX once more.
    #[command(after_help = REBOOK)]
    Rebook(Rebook),
    /// Give orders up, with words for their merchant.
    #[command(after_help = FAIL)]
    Fail(Many),
    /// Send the cancel of a shipment anew.
    #[command(after_help = CANCEL_SHIPMENT)]
    CancelShipment(One),
    /// Write down what became of a shipment whose cancel was not clear.
    #[command(after_help = CLOSE)]
    CloseCancellation(CloseCancellation),
}

/// Which orders.
#[derive(Debug, clap::Args)]
pub(super) struct Filter {
    /// Why they wait: outcome-unknown, or the beginning of it as outcome-*.
    #[arg(long)]
    code: Option<String>,
    /// Of this merchant.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Waiting since this time or later, as 2026-01-31T09:30:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Waiting since before this time.
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
}

impl Filter {
    /// Beside orders that are named it would be left out of account: somebody who gave one means something
    /// else than what would be done.
    pub(super) fn unused(&self) -> anyhow::Result<()> {
        let none = [&self.code, &self.user, &self.from, &self.before].iter().all(|given| given.is_none());
        if none {
            Ok(())
        } else {
            Err(anyhow!("--code, --user, --from and --before choose among all orders, and these are named"))
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
    /// Only what is unclear of a booking, or of a cancellation.
    #[arg(long, value_enum)]
    pub(super) of: Option<Of>,
    /// How many, 1 to 1000.
    #[arg(long, default_value_t = 50)]
    pub(super) limit: usize,
    /// Go on behind a page: what it gave as next.
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

/// What every change needs.
#[derive(Debug, clap::Args)]
pub(super) struct Change {
    /// Who acts; by default the user of this machine.
    #[arg(long, value_name = "NAME")]
    pub(super) actor: Option<String>,
    /// Why, in your words: kept in the audit log.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    /// JSON: an object for each order, and one at the end.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Adopt {
    /// The order.
    #[arg(required_unless_present = "all_found", requires = "awb", conflicts_with = "all_found")]
    pub(super) id: Option<String>,
    /// Its shipment.
    #[arg(long, conflicts_with = "all_found", requires = "id")]
    pub(super) awb: Option<String>,
    /// Take the AWB without asking ParcelX.
    #[arg(long, conflicts_with = "all_found")]
    pub(super) unverified: bool,
    /// Ask ParcelX about each order that waits, and adopt what it shows.
    #[arg(long)]
    pub(super) all_found: bool,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Only say what would be done.
    #[arg(long, requires = "all_found")]
    pub(super) dry_run: bool,
    /// Change more than one order without asking.
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
    /// Every order whose booking waits for a person, or those that the filter names.
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Only say what would be done, as far as that is known without asking ParcelX.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Change more than one order without asking.
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) change: Change,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Rebook {
    #[command(flatten)]
    pub(super) many: Many,
    /// Do not ask ParcelX first: it may ship twice.
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct One {
    /// The order.
    pub(super) id: String,
    /// Which shipment, where several wait.
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
    /// It is cancelled.
    #[arg(long, required_unless_present = "live", conflicts_with = "live")]
    pub(super) cancelled: bool,
    /// It is live, and stays.
    #[arg(long)]
    pub(super) live: bool,
}
