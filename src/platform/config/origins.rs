//! Lists of sites whose pages may call the API: `https://shop.example.com, http://localhost:5173`.

use http::HeaderValue;
use serde::{Deserialize, Deserializer};
use url::{Origin, Url};

use super::list::list;

/// Origins as browsers send them: scheme, host and a port that is not the scheme's own. A list, or a string
/// with commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    #[must_use]
    pub fn get(&self) -> &[HeaderValue] {
        &self.0
    }
}

const FORM: &str = "must be origins such as https://shop.example.com or http://localhost:5173, without a \
                    path, separated by commas; each is named, * is none";

fn parse(text: &str) -> Result<HeaderValue, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| FORM)?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    let web = matches!(url.scheme(), "http" | "https") && !url.host_str().unwrap_or_default().contains('*');
    match url.origin() {
        origin @ Origin::Tuple(..) if bare && nobody && web => {
            HeaderValue::try_from(origin.ascii_serialization()).map_err(|_| FORM)
        }
        _ => Err(FORM),
    }
}

impl<'de> Deserialize<'de> for Origins {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        list(d, FORM, parse).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_browsers_send_it() {
        for (text, origin) in [
            (" https://Shop.Example.com/", "https://shop.example.com"),
            ("https://shop.example.com:443", "https://shop.example.com"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(parse(text).as_ref().map(HeaderValue::as_bytes), Ok(origin.as_bytes()), "{text}");
        }
        for text in [
            "*",
            "null",
            "shop.example.com",
            "https://*.example.com",
            "https://a.example/path",
            "file:///a",
            "https://a.example?x=1",
            "https://u:p@a.example",
            "",
        ] {
            assert_eq!(parse(text), Err(FORM), "{text}");
        }
    }
}
