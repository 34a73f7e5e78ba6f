//! `waybill review …`: orders in review. Uses the same database as the running instances.

mod args;
mod list;
mod print;

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, bail};
use secrecy::SecretString;
use url::Url;

pub(super) use self::args::Command;
use self::{
    args::{Adopt, Change, Erase, Exchange, Many, One, Resend},
    print::Printer,
};
use super::{by, serve::SIMULATOR};
use crate::{
    app::App,
    base::{clock::Clock, ids},
    features::orders::{
        model::{Order, ReviewOf},
        review::Fate,
        service::review::{Action, Item, Report, ReviewError, ReviewFilter, ReviewService, Trust},
    },
    platform::{
        config::{Account, Config, Provider, Role},
        telemetry,
    },
    provider::carrier::ProviderEnv,
};

pub(super) async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    telemetry::init("error", config.log.format)?;
    if let Command::List(own) = command {
        let app = super::open::open(config).await?;
        return list::run(&app, own).await;
    }
    let (provider, app) = open(config).await?;
    let reviews = |change: &Change| review_service(&app, &provider, change);
    let (done, json) = match command {
        Command::List(_) => return Ok(()),
        Command::Adopt(own) => (adopt(&app, &reviews(&own.change)?, &own).await?, own.change.json),
        Command::Rebook(own) => (
            many(&app, &reviews(&own.many.change)?, &own.many, Action::Rebook { force: own.force }).await?,
            own.many.change.json,
        ),
        Command::Fail(own) => {
            (many(&app, &reviews(&own.change)?, &own, Action::Fail).await?, own.change.json)
        }
        Command::Exchange(own) => {
            (Box::pin(exchange(&app, &reviews(&own.change)?, &own)).await?, own.change.json)
        }
        Command::Erase(own) => (erase(&app, &reviews(&own.change)?, &own).await?, own.change.json),
        Command::Resend(own) => (resend(&app, &reviews(&own.change)?, &own).await?, own.change.json),
        Command::CancelShipment(own) => {
            let result = reviews(&own.change)?.cancel_shipment(&own.id, own.awb.as_deref()).await;
            (one(&app, &own, result).await?, own.change.json)
        }
        Command::CloseCancellation(own) => {
            let fate = if own.seen.cancelled { Fate::Cancelled } else { Fate::Live };
            let result = reviews(&own.one.change)?.close(&own.one.id, own.one.awb.as_deref(), fate).await;
            (one(&app, &own.one, result).await?, own.one.change.json)
        }
    };
    done.finish(json, &provider.base_url)
}

/// The provider account to look up shipments with, and the database.
pub(super) async fn open(config: Config) -> anyhow::Result<(Account, App)> {
    super::open::is_there(&config)?;
    let (env, account) = match config.provider(Role::Worker).or_else(|_| config.provider(Role::AllInOne))? {
        Provider::Live(account) => (ProviderEnv::Live, account),
        // The simulator is part of the running all-in-one program, which has its ledger.
        Provider::Simulator => {
            let key = SecretString::from(ids::secret());
            let base_url = Url::parse(&format!("http://{}{SIMULATOR}", config.http.bind))?;
            (ProviderEnv::Simulator, Account { base_url, access_key: key.clone(), secret_key: key })
        }
    };
    let app = App::open_for_command(config, env, Clock::system())
        .await
        .context("cannot open the database or the queue")?;
    super::open::all_closed_at_the_end(&app);
    Ok((account, app))
}

fn review_service(app: &App, account: &Account, change: &Change) -> anyhow::Result<ReviewService> {
    let by = by::sign(change.actor.as_deref(), &change.reason)?;
    Ok(app.state.orders.review_service(app.carrier(account.clone())?, by))
}

async fn adopt(app: &App, reviews: &ReviewService, args: &Adopt) -> anyhow::Result<Printer> {
    let (Some(id), Some(awb)) = (&args.id, &args.awb) else {
        return all(
            app,
            reviews,
            Action::AdoptFound,
            &args.filter.read()?,
            args.yes,
            args.dry_run,
            args.change.json,
        )
        .await;
    };
    args.filter.unused()?;
    let trust = if args.unverified { Trust::Unverified } else { Trust::Verify };
    let mut printer = Printer::new(false);
    let result = reviews.adopt(id, awb, trust).await;
    printer.item(&item(app, id, result).await, args.change.json)?;
    Ok(printer)
}

async fn one(app: &App, args: &One, result: Result<Order, ReviewError>) -> anyhow::Result<Printer> {
    let mut printer = Printer::new(false);
    printer.item(&item(app, &args.id, result).await, args.change.json)?;
    Ok(printer)
}

async fn item(app: &App, id: &str, result: Result<Order, ReviewError>) -> Item {
    let known = match &result {
        Ok(order) => Some(order.clone()),
        Err(_) => app.state.orders.load(id).await.ok().flatten(),
    };
    Item {
        id: id.to_owned(),
        order_number: known.map(|o| o.order_number().to_owned()).unwrap_or_default(),
        result: result.map(drop),
    }
}

/// Acts on the named orders, or on all orders that match the filter.
async fn many(app: &App, reviews: &ReviewService, args: &Many, action: Action) -> anyhow::Result<Printer> {
    let json = args.change.json;
    if args.all {
        return all(app, reviews, action, &args.filter.read()?, args.yes, args.dry_run, json).await;
    }
    if args.dry_run {
        bail!("--dry-run works only with --all");
    }
    args.filter.unused()?;
    confirm(args.ids.len(), args.yes)?;
    let mut printer = Printer::new(false);
    for id in &args.ids {
        let result = match action {
            Action::Rebook { force } => reviews.rebook(id, force).await,
            Action::Fail => reviews.fail(id).await,
            Action::AdoptFound => reviews.adopt_found(id).await,
        };
        printer.item(&item(app, id, result).await, json)?;
    }
    Ok(printer)
}

async fn all(
    app: &App,
    reviews: &ReviewService,
    action: Action,
    filter: &ReviewFilter,
    yes: bool,
    dry: bool,
    json: bool,
) -> anyhow::Result<Printer> {
    if !dry {
        confirm(count(app, filter).await?, yes)?;
    }
    let (mut printer, mut closed) = (Printer::new(dry), None);
    let report = reviews.all(action, filter, dry, |item: &Item| {
        let shown = printer.item(item, json);
        closed = closed.take().or(shown.err());
    });
    let report: Report = report.await?;
    if let Some(error) = closed {
        return Err(error.into());
    }
    printer.stopped(report.stopped);
    Ok(printer)
}

async fn exchange(app: &App, reviews: &ReviewService, args: &Exchange) -> anyhow::Result<Printer> {
    let [one, other] = args.ids.as_slice() else { bail!("name two orders") };
    let mut printer = Printer::new(false);
    match Box::pin(reviews.exchange(one, other)).await {
        Ok((first, second)) => {
            for (id, order) in [(one, first), (other, second)] {
                printer.item(&item(app, id, Ok(order)).await, args.change.json)?;
            }
        }
        Err(error) => printer.item(&item(app, one, Err(error)).await, args.change.json)?,
    }
    Ok(printer)
}

async fn erase(app: &App, reviews: &ReviewService, args: &Erase) -> anyhow::Result<Printer> {
    let mut printer = Printer::new(false);
    for id in &args.ids {
        let erased = reviews.erase(id).await;
        printer.item(&item(app, id, erased).await, args.change.json)?;
    }
    Ok(printer)
}

async fn resend(app: &App, reviews: &ReviewService, args: &Resend) -> anyhow::Result<Printer> {
    let (filter, limit) = (args.filter()?, args.limit());
    if !args.dry_run {
        let (mut orders, mut cursor) = (0, None);
        while orders < limit {
            let page = app.state.orders.failed(&filter, cursor, 200.min(limit - orders)).await?;
            orders += page.orders.len();
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        confirm(orders, args.yes)?;
    }
    let (mut printer, mut closed) = (Printer::new(args.dry_run), None);
    let report = reviews.resend_all(&filter, limit, args.dry_run, |item: &Item| {
        let shown = printer.item(item, args.change.json);
        closed = closed.take().or(shown.err());
    });
    let report: Report = report.await?;
    if let Some(error) = closed {
        return Err(error.into());
    }
    printer.stopped(report.stopped);
    Ok(printer)
}

/// The number of orders that match the filter.
async fn count(app: &App, filter: &ReviewFilter) -> anyhow::Result<usize> {
    let filter = ReviewFilter { of: Some(ReviewOf::Booking), ..filter.clone() };
    let (mut count, mut cursor) = (0, None);
    loop {
        let page = app.state.orders.in_review(&filter, cursor, 200).await?;
        count += page.orders.len();
        cursor = page.next;
        if cursor.is_none() {
            return Ok(count);
        }
    }
}

/// More than one order is changed only with a confirmation.
fn confirm(orders: usize, yes: bool) -> anyhow::Result<()> {
    if yes || orders <= 1 {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        bail!("{orders} orders would be changed: confirm with --yes, or check first with --dry-run");
    }
    write!(io::stderr(), "{orders} orders will be changed. Type {orders} to continue: ")?;
    let mut typed = String::new();
    io::stdin().read_line(&mut typed)?;
    if typed.trim() == orders.to_string() { Ok(()) } else { bail!("nothing was changed") }
}
