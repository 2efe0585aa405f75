//! What the stand-in for the service answers to looks, and everything that can go wrong with them.

use std::time::Duration;

use volc_proto::ecs::ImageId;

use crate::machine_script::Script;
use crate::machine_service::{Means, Service, Spoken};
use crate::machine_wire::{Answer, page, refused_by, succeeded};

/// What an answer to a look means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    /// A page, with the images on it that were asked for.
    Page {
        /// Each with its visibility, where the service says it.
        seen: Vec<(ImageId, Option<&'static str>)>,
        /// Whether it leads to another one.
        more: bool,
    },
    /// A page that says nothing of the images that are not on it; the same look may fare better.
    Odd {
        /// As above.
        seen: Vec<(ImageId, Option<&'static str>)>,
    },
    /// One of the images is not there; nothing is said of the others.
    NotFound,
    /// No page. The same look may fare better.
    Failed,
    /// No look will.
    Refused,
}

/// How the stand-in answers looks.
#[derive(Debug)]
pub(crate) struct Eyes {
    /// How long an image is listed after its deletion was accepted.
    visible_for: Duration,
    /// One look in so many goes wrong; none, and all of them are refused.
    fault_every: Option<usize>,
    /// A look at an unknown image is an error, and not a shorter list.
    unknown_is_error: bool,
    /// Images on a page.
    page: usize,
    /// Each page leads on to another one, also the last.
    endless: bool,
}

impl Eyes {
    /// Of so many images; of many, more pages and more looks would only take long.
    pub(crate) fn new(images: usize, script: &mut Script<'_>) -> Self {
        let few = images <= 30;
        let forever = if few { 100_000_000 } else { 0 };
        Self {
            visible_for: Duration::from_secs(script.pick(&[0, 0, 1, 4, 39, 200, 299, 400, forever])),
            fault_every: script.pick(&[Some(6), Some(1), Some(2), Some(30), Some(250), Some(250), None]),
            unknown_is_error: script.one_in(3),
            page: script.pick(if few { &[100, 1, 2, 7, 15] } else { &[100, 40] }),
            endless: script.one_in(30) && few,
        }
    }

    pub(crate) fn visible_for(&self) -> Duration {
        self.visible_for
    }
}

const FOREIGN: &str = "image-that-nobody-asked-for";

impl Service {
    /// A look at these images arrives, or does not; something comes back, or nothing.
    pub(crate) fn look(&self, ids: &[ImageId], now: Duration, script: &mut Script<'_>) -> Spoken {
        let (answer, sight) = self.sight(ids, now, script);
        Spoken::told(answer, Means::Sight(sight), script)
    }

    fn sight(&self, ids: &[ImageId], now: Duration, script: &mut Script<'_>) -> (Answer, Sight) {
        const NAME: &str = "DescribeImages";
        let fault = match self.eyes.fault_every {
            None => 1,
            Some(1) => 1 + script.below(20),
            Some(every) if script.one_in(every) => 1 + script.below(20),
            Some(_) => 0,
        };
        match fault {
            0 => self.page(ids, now, script),
            1 => {
                let (status, code) = script.pick(&[
                    (403, "AccessDenied"),
                    (401, "InvalidAccessKey"),
                    (400, "InvalidArgument"),
                    (403, "Unheard.Of"),
                    (400, "Unheard.Of"),
                    (200, "AccessDenied"),
                ]);
                (refused_by(NAME, status, code), Sight::Refused)
            }
            2 => (Answer::Unsent, Sight::Failed),
            3 | 4 => (Answer::Lost, Sight::Failed),
            5 => {
                let body = script.pick(&["", "null", "[]", "<html>ok", "{}", "{\"ResponseMetadata\":{\"Act", "\u{feff}{}"]);
                (page(200, body), Sight::Failed)
            }
            6 => (page(script.pick(&[400, 403, 404, 502, 302, 204]), script.pick(&["<html>", ""])), Sight::Failed),
            7 => (refused_by(NAME, 503, script.pick(&["InternalError", "Unheard.Of", "InvalidImage.NotFound"])), Sight::Failed),
            8 => (refused_by(NAME, 200, "InternalError"), Sight::Failed),
            9 => (refused_by(NAME, script.pick(&[429, 200, 503]), "FlowLimitExceeded"), Sight::Failed),
            10 => (page(429, script.pick(&["", "<html>slow down"])), Sight::Failed),
            11 => (refused_by(NAME, script.pick(&[400, 403, 200]), "InvalidTimestamp"), Sight::Failed),
            // What looks most like an answer to a look, and is one to somebody else's.
            12 => {
                let code = script.pick(&["InvalidImage.NotFound", "AccessDenied", "InvalidArgument", "FlowLimitExceeded"]);
                let other = script.pick(&["StopInstances", "DeleteImages"]);
                (refused_by(other, script.pick(&[400, 404, 200, 403]), code), Sight::Failed)
            }
            13 => {
                let (Answer::Response(response), _) = self.page(&[], now, script) else { panic!("expected a page") };
                let body = String::from_utf8_lossy(response.body()).replace(NAME, "DescribeInstances");
                (page(200, &body), Sight::Failed)
            }
            // Not in the service's own envelope: whose image, and whose words?
            14 => (
                page(script.pick(&[404, 400, 200]), "{\"ErrorCode\":\"InvalidImage.NotFound\",\"Message\":\"m\"}"),
                Sight::Failed,
            ),
            // Silence shows nothing.
            15 => (
                succeeded(NAME, script.pick(&["", ",\"Result\":null", ",\"Result\":{}", ",\"Result\":{\"NextToken\":\"\"}"])),
                Sight::Odd { seen: Vec::new() },
            ),
            16 => {
                let nameless = script.pick(&["{}", "{\"ImageId\":null}", "{\"ImageId\":\"\"}"]);
                (
                    succeeded(NAME, &format!(",\"Result\":{{\"Images\":[{nameless}],\"NextToken\":\"\"}}")),
                    Sight::Odd { seen: Vec::new() },
                )
            }
            // It leads on, and lists nothing.
            17 | 18 => (
                succeeded(NAME, ",\"Result\":{\"Images\":[],\"NextToken\":\"p0\"}"),
                Sight::Page { seen: Vec::new(), more: true },
            ),
            // It counts more than it lists.
            19 => {
                let total = ids.len() + 1;
                (
                    succeeded(NAME, &format!(",\"Result\":{{\"Images\":[],\"TotalCount\":{total}}}")),
                    Sight::Odd { seen: Vec::new() },
                )
            }
            _ => self.page(ids, now, script),
        }
    }

    /// What an honest service answers.
    fn page(&self, ids: &[ImageId], now: Duration, script: &mut Script<'_>) -> (Answer, Sight) {
        const NAME: &str = "DescribeImages";
        if self.eyes.unknown_is_error && ids.iter().any(|id| !self.is_visible(id, now)) {
            return (refused_by(NAME, script.pick(&[400, 404, 200]), "InvalidImage.NotFound"), Sight::NotFound);
        }
        let mut listed = ids.iter().filter(|id| self.is_visible(id, now));
        let on_page: Vec<&ImageId> = listed.by_ref().take(self.eyes.page).collect();
        // An empty page may follow the last image.
        let more = listed.next().is_some() || self.eyes.endless || (!ids.is_empty() && script.one_in(20));
        let unsaid = script.one_in(20);
        let seen: Vec<_> = on_page.into_iter().map(|id| (id.clone(), self.visibility(id).filter(|_| !unsaid))).collect();
        let mut images: Vec<String> = seen
            .iter()
            .map(|(id, visibility)| match visibility {
                Some(visibility) => format!("{{\"ImageId\":\"{id}\",\"Visibility\":\"{visibility}\"}}"),
                None => format!("{{\"ImageId\":\"{id}\",\"Visibility\":null}}"),
            })
            .collect();
        let foreign = script.one_in(30);
        if foreign {
            images.push(format!("{{\"ImageId\":\"{FOREIGN}\",\"Visibility\":\"public\"}}"));
        }
        if script.one_in(12) {
            images.extend(images.first().cloned());
        }
        let end = script.pick(&[",\"NextToken\":\"\"", "", ",\"NextToken\":null"]);
        let next_token = if more { ",\"NextToken\":\"p1\"" } else { end };
        let visible = ids.iter().filter(|id| self.is_visible(id, now)).count();
        let total = if script.one_in(2) { format!(",\"TotalCount\":{visible}") } else { String::new() };
        let list = match images.as_slice() {
            [] if visible == 0 && !total.is_empty() && script.one_in(2) => "null".to_owned(),
            _ => format!("[{}]", images.join(",")),
        };
        let body = format!(",\"Result\":{{\"Images\":{list}{next_token}{total}}}");
        (succeeded(NAME, &body), if foreign { Sight::Odd { seen } } else { Sight::Page { seen, more } })
    }
}
