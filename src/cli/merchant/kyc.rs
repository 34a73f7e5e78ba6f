//! `waybill merchant kyc`: who a merchant is, and whether that is approved.

use crate::{
    app::App,
    cli::{by::By, say},
    features::kyc::model::{Dossier, KycState, Verdict},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print those that wait for a decision, the ones that wait longest first.
    Waiting,
    /// Print how a merchant's KYC stands, with its numbers masked.
    Show {
        /// The merchant's id.
        id: String,
    },
    /// Take the merchant's live orders from now on, where a KYC is required.
    Approve(Decision),
    /// Want something mended, or take an approval back. The merchant reads the reason.
    Reject(Decision),
}

#[derive(Debug, clap::Args)]
pub(super) struct Decision {
    /// The merchant's id.
    id: String,
    /// The version that you have looked at, as `show` prints it.
    #[arg(long, value_name = "N")]
    version: i64,
    #[command(flatten)]
    by: By,
}

/// That are printed at most.
const MOST: usize = 200;

pub(super) async fn run(command: Command, app: &App) -> anyhow::Result<()> {
    let kyc = &app.state.kyc;
    match command {
        Command::Waiting => {
            let page = kyc.list(KycState::Submitted, None, MOST).await?;
            if page.docs.is_empty() {
                say("none")?;
            }
            page.docs.iter().try_for_each(|dossier| say(&line(dossier)))?;
        }
        Command::Show { id } => show(&kyc.existing(&id).await?)?,
        Command::Approve(one) => decide(app, one, Verdict::Approved).await?,
        Command::Reject(one) => decide(app, one, Verdict::Rejected).await?,
    }
    Ok(())
}

async fn decide(app: &App, one: Decision, verdict: Verdict) -> anyhow::Result<()> {
    let decided = app.state.kyc.decide(&one.id, verdict, one.version, &one.by.sign()?).await?;
    say(&line(&decided))?;
    Ok(())
}

fn line(dossier: &Dossier) -> String {
    let Dossier { id, version, state, since, .. } = dossier;
    format!("{id}: {}, version {version}, since {since}", state.as_str())
}

fn show(dossier: &Dossier) -> anyhow::Result<()> {
    say(&line(dossier))?;
    let details = &dossier.details;
    let told = [
        ("name", details.legal_name.clone()),
        ("pan", details.pan.as_ref().map(|pan| pan.masked())),
        ("gstin", details.gstin.as_ref().map(|gstin| gstin.masked())),
        ("ifsc", details.bank.as_ref().map(|bank| bank.ifsc.expose().to_owned())),
        ("account", details.bank.as_ref().map(|bank| bank.account_number.masked())),
        ("reason", dossier.reason.clone()),
    ];
    for (name, text) in told {
        say(&format!("{name:<12}{}", text.as_deref().unwrap_or("-")))?;
    }
    for file in &dossier.documents {
        let (kind, ending) = (file.kind.as_str(), file.file_type.ending());
        say(&format!("{:<12}{kind}, {ending}, {} bytes, sha256 {}", "document", file.size, file.sha256))?;
    }
    for step in &dossier.history {
        let reason = step.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        say(&format!("{:<12}{} {} by {}{reason}", "step", step.at, step.what, step.by))?;
    }
    Ok(())
}
