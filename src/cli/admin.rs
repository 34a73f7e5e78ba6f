//! `waybill admin`: the people who may use the dashboard.

mod password;

pub(super) use self::password::{generated, write_first};
use secrecy::SecretString;

use super::{
    by::ByAnyReason,
    open::{open, open_or_make},
};
use crate::{
    admin::{
        people::{Changes, NewUser, People, PeopleError},
        rights::Role,
        users::{AdminUser, UserError, is_name},
    },
    features::audit::{AuditContext, Via},
    platform::{
        auth::Passwords,
        config::{Config, operator},
    },
};

const EXAMPLES: &str = "\
Examples:
  waybill admin add asha --role operator      asks for the password
  waybill admin passwd asha < password.txt    takes the first line
  waybill admin disable asha                  and ends her sessions at once

Passwords have 12 to 256 characters, and are never arguments: other users of the
machine could read those. Roles: viewer, operator, admin, super_admin.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print every user: role, and when the last login was.
    List,
    /// Add a user.
    Add(New),
    /// Set a user's password anew. The user's sessions end.
    Passwd(One),
    /// Forbid a user to sign in. The user's sessions end.
    Disable(One),
    /// Let a user sign in again.
    Enable(One),
    /// Remove a user's authenticator app: a login needs no code any more.
    ResetTotp(One),
}

#[derive(Debug, clap::Args)]
struct New {
    name: String,
    /// viewer, operator, admin or super_admin.
    #[arg(long, value_parser = role)]
    role: Role,
    /// The user may see personal data, whatever the role.
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    by: ByAnyReason,
}

#[derive(Debug, clap::Args)]
struct One {
    name: String,
    #[command(flatten)]
    by: ByAnyReason,
}

fn role(text: &str) -> Result<Role, String> {
    Role::of_str(text).ok_or_else(|| "must be viewer, operator, admin or super_admin".to_owned())
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let command = match args.command {
        Command::Add(new) => return Box::pin(add(new, config)).await,
        command => command,
    };
    let people = open(config).await?.people();
    match command {
        Command::Add(_) => {} // above: the first user may come before the first start
        Command::List => {
            let all = people.users.list().await?;
            if all.is_empty() {
                super::say("nobody yet: `waybill admin add NAME --role super_admin` adds a user")?;
            }
            all.iter().try_for_each(|user| super::say(&line(user)))?;
        }
        Command::Passwd(one) => {
            let password = Some(password::ask()?);
            change(&people, &one, Changes { password, ..Changes::default() }).await?;
        }
        Command::Disable(one) => {
            change(&people, &one, Changes { disabled: Some(true), ..Changes::default() }).await?;
        }
        Command::Enable(one) => {
            change(&people, &one, Changes { disabled: Some(false), ..Changes::default() }).await?;
        }
        Command::ResetTotp(one) => {
            change(&people, &one, Changes { without_totp: true, ..Changes::default() }).await?;
        }
    }
    Ok(())
}

/// What is wrong with the name or the password is told before a database is made for nothing.
async fn add(new: New, config: Config) -> anyhow::Result<()> {
    let New { name, role, reveal, by } = new;
    let by = by.sign()?;
    if !is_name(&name) {
        return Err(UserError::Name.into());
    }
    let password = password::ask()?;
    Passwords::default().hash(&name, &password).await.map_err(PeopleError::from)?;
    let people = open_or_make(config).await?.people();
    let user = people.add(NewUser { name, role, reveal, password }, &by).await?;
    super::say(&format!("{} is added, {}", user.id, user.role))?;
    Ok(())
}

async fn change(people: &People, one: &One, changes: Changes) -> anyhow::Result<()> {
    let by = one.by.sign()?;
    let user = people.change(&one.name, changes, &by).await?;
    super::say(&line(&user))?;
    Ok(())
}

fn line(user: &AdminUser) -> String {
    let marks = [(user.reveal, ", sees personal data"), (user.wants_code(), ", with codes")];
    let marks: String = marks.into_iter().filter(|(is, _)| *is).map(|(_, words)| words).collect();
    let login =
        user.last_login_at.map_or_else(|| "never signed in".to_owned(), |at| format!("last login {at}"));
    let disabled = if user.disabled { ", DISABLED" } else { "" };
    format!("{}: {}{marks}{disabled}, {login}", user.id, user.role)
}

/// What the user of the first start is called.
pub(super) const FIRST: &str = "admin";

/// Makes that user.
pub(super) async fn first(people: &People, password: SecretString) -> anyhow::Result<()> {
    let by = AuditContext::new(&operator(), Via::Cli, "the first start")?;
    let name = FIRST.to_owned();
    people.add(NewUser { name, role: Role::SuperAdmin, reveal: false, password }, &by).await?;
    Ok(())
}
