//! WORDS: French and English texts (Fluent). Pages get all of a language at once, with `{name}` where they fill something in.

use std::collections::BTreeMap;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
use unic_langid::LanguageIdentifier;

/// French is the language of the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    French,
    English,
}

/// What pages fill in.
const PLACES: [&str; 9] = ["name", "names", "days", "opens", "closes", "time", "session", "code", "address"];

impl Language {
    pub const ALL: [Self; 2] = [Self::French, Self::English];

    /// Of `Accept-Language` (RFC 9110 §12.5.4) the one that is liked best, as browsers write it: in the order of liking.
    pub fn of(accepted: &str) -> Self {
        let known = accepted.split(',').find_map(|part| match part.trim().get(..2)?.to_ascii_lowercase().as_str() {
            "fr" => Some(Self::French),
            "en" => Some(Self::English),
            _ => None,
        });
        known.unwrap_or_default()
    }

    /// As HTML names it.
    pub fn code(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::French => include_str!("fr.ftl"),
            Self::English => include_str!("en.ftl"),
        }
    }

    /// All texts by their names. What cannot be read is left out: a test sees that nothing is.
    pub fn words(self) -> BTreeMap<&'static str, String> {
        let language: LanguageIdentifier = self.code().parse().unwrap_or_default();
        let mut bundle = FluentBundle::new(vec![language]);
        bundle.set_use_isolating(false);
        let resource = FluentResource::try_new(self.text().to_owned()).unwrap_or_else(|(read, _)| read);
        // It is the first: nothing in it can be there already.
        let _ = bundle.add_resource(resource);
        let mut places = FluentArgs::new();
        PLACES.iter().for_each(|place| places.set(*place, format!("{{{place}}}")));
        let word = |name: &'static str| {
            let message = bundle.get_message(name)?;
            let text = bundle.format_pattern(message.value()?, Some(&places), &mut Vec::new()).into_owned();
            Some((name, text))
        };
        self.names().filter_map(word).collect()
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        self.text().lines().filter(|line| !line.starts_with('#')).filter_map(|line| Some(line.split_once(" =")?.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_the_same_and_all_of_it_can_be_read() {
        let [french, english] = Language::ALL.map(Language::words);
        assert_eq!(french.keys().collect::<Vec<_>>(), english.keys().collect::<Vec<_>>());
        assert_eq!(french.len(), Language::French.names().count());
        assert_eq!(french["age"], "image d'il y a {time}");
        let places = |text: &str| PLACES.iter().filter(|place| text.contains(&format!("{{{place}}}"))).count();
        for (name, text) in &french {
            assert_eq!(places(text), places(&english[name]), "{name}");
        }
        assert!(french.values().chain(english.values()).all(|text| !text.contains('$')));
    }

    #[test]
    fn the_language_is_the_one_that_is_liked_best() {
        for (accepted, language) in [
            ("fr-FR,fr;q=0.9,en;q=0.8", Language::French),
            ("en-GB,en;q=0.9", Language::English),
            ("de,en;q=0.5", Language::English),
            ("é", Language::French),
            ("", Language::French),
        ] {
            assert_eq!(Language::of(accepted), language, "{accepted}");
        }
    }
}
