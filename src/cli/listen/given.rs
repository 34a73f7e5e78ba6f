//! What the arguments say, refused with its reason before anything is opened.

use anyhow::{anyhow, bail};
use url::Url;

use crate::{
    features::events::shown::EventType,
    platform::outbound::{AddressProblem, Rules},
};

/// The types that are wanted. Refuses those that never come: such a typo would only show as silence.
pub(super) fn types(given: &[String]) -> anyhow::Result<Vec<String>> {
    given.iter().map(|kind| one_type(kind.trim())).collect()
}

fn one_type(kind: &str) -> anyhow::Result<String> {
    match serde_json::from_value::<EventType>(kind.into()) {
        Ok(EventType::EndpointTest) => {
            bail!("--types: `{kind}` goes to the one endpoint that is tested, and is in no stream")
        }
        Ok(_) => Ok(kind.to_owned()),
        Err(_) => bail!("--types: `{kind}` is no type of event; one is order.created"),
    }
}

/// Where events are posted.
pub(super) fn target(rules: Rules, text: &str) -> anyhow::Result<Url> {
    rules.read(text).map_err(|problem| {
        let why = match problem {
            AddressProblem::UserInfo => "must have no user name and no password in it",
            AddressProblem::Fragment => "must have no fragment (`#` and what follows) in it",
            AddressProblem::Form if text.contains("://") => "must be an address",
            // Of `localhost:4000/hook` what is before the colon reads as a scheme.
            AddressProblem::Form | AddressProblem::Scheme | AddressProblem::NotPublic => {
                "must begin with http:// or https://"
            }
        };
        anyhow!("--forward-to: {why}: for instance http://127.0.0.1:4000/hook")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_never_come_are_refused_and_blanks_between_them_are_not() {
        let read = |all: &[&str]| types(&all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        assert!(read(&[]).unwrap().is_empty());
        let wanted = read(&["order.created", " notification.created "]).unwrap();
        assert_eq!(wanted, ["order.created", "notification.created"]);
        for (kind, why) in
            [("order.eaten", "no type of event"), ("webhook_endpoint.test", "in no stream"), ("", "no type")]
        {
            let refused = read(&["order.created", kind]).unwrap_err().to_string();
            assert!(refused.contains(&format!("`{kind}`")) && refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn an_address_is_refused_for_what_is_wrong_with_it() {
        let read = |text: &str| target(Rules { allow_private: true }, text);
        for good in ["http://localhost:5704/hook", "https://shop.example/hook", "http://10.0.0.7"] {
            assert!(read(good).is_ok(), "{good}");
        }
        let begin = "must begin with http:// or https://";
        for (bad, why) in [
            ("", begin),
            ("nowhere", begin),
            ("localhost:5704/hook", begin),
            ("127.0.0.1:5704/hook", begin),
            ("ftp://127.0.0.1/hook", begin),
            ("http://", "must be an address"),
            ("http://me:pw@127.0.0.1/hook", "must have no user name and no password"),
        ] {
            let refused = read(bad).unwrap_err().to_string();
            assert!(refused.contains(why) && !refused.contains("pw"), "{bad}: {refused}");
        }
    }
}
