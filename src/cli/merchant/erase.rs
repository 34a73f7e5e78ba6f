//! `waybill merchant erase`: what tells who a merchant and its people are goes, on their request.

use std::time::Duration;

use crate::{
    app::App,
    cli::{by::By, say},
    features::merchants::{Erasure, erasure::Extent},
};

/// How long one operation may take: nobody waits for it but its operator.
const PATIENCE: Duration = Duration::from_secs(60);

const ABOUT: &str = "\
Examples:
  waybill merchant erase 42 --person usr_019a… --reason 'request 4711'
  waybill merchant erase 42 --person usr_019a… --reason 'request 4711' --yes
  waybill merchant suspend 42 && waybill merchant erase 42 --reason 'request 4712' --yes

Without --yes nothing is changed, and what would go is printed. A person's name, address,
phone number and password go, with codes and mails that are on their way; also the only
owner can be erased. Without --person all of a suspended merchant goes: its people, keys,
webhooks, its KYC with all files, its name. Run it again when it was cut off.

The reason is kept as it is: name nobody in it.";

/// What an erasure leaves, in the words of docs/privacy.md.
const KEPT: &str = "\
kept       orders (`waybill review erase` is for their consignees), what was written about
           them in threads, the audit log, the log of webhooks for 30 days. Backups, and
           mails that were sent, are elsewhere and keep what they have.";

#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(super) struct Erase {
    /// The merchant's id.
    merchant: String,
    /// Only this person of it.
    #[arg(long, value_name = "ID")]
    person: Option<String>,
    /// Erase. Without it nothing is changed, and what would go is printed.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    by: By,
}

pub(super) async fn run(args: Erase, app: &App) -> anyhow::Result<()> {
    let Erase { merchant, person, yes, by } = args;
    let (by, person) = (by.sign()?, person.as_deref());
    let (store, clock) = (app.store.within(PATIENCE), app.clock.clone());
    let erasure = Erasure::new(store, clock, app.state.merchants.clone(), app.state.kyc.clone());
    let extent = if yes {
        Box::pin(erasure.erase(&merchant, person, &by)).await?
    } else {
        Box::pin(erasure.extent(&merchant, person)).await?
    };
    lines(&extent).iter().try_for_each(|line| say(line))?;
    say(KEPT)?;
    say(match (yes, extent.total()) {
        (_, 0) => "nothing is left to be erased",
        (true, _) => "erased",
        (false, _) => "nothing was erased: --yes erases it",
    })?;
    Ok(())
}

/// One for each kind of what there is.
fn lines(extent: &Extent) -> Vec<String> {
    let Extent { people, codes, mails, keys, endpoints, kyc, documents, names } = *extent;
    let all = [
        ("people", people, "names, addresses, phone numbers, passwords; their sessions end"),
        ("codes", codes, "one-time codes and invitations"),
        ("mails", mails, "mails and texts on their way"),
        ("keys", keys, "revoked, without what they were called"),
        ("webhooks", endpoints, "deleted, without URLs and secrets"),
        ("kyc", kyc, "details, and what was written about them"),
        ("documents", documents, "files of it, which are looked for afterwards"),
        ("name", names, "of the shop"),
    ];
    let there = all.into_iter().filter(|(_, count, _)| *count > 0);
    there.map(|(what, count, words)| format!("{what:<11}{count} ({words})")).collect()
}
