//! R08: how far a viewer's platform keeps copies of the screen from being made. A copy can be kept from nobody for certain:
//! what a session's class was is traced, and a site or an engagement may demand one.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Refusal;

/// The strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Capture {
    /// The window is kept out of captures by the system, and that was read back.
    A,
    /// As far as a page can.
    B,
    /// Not at all: a viewer of somebody else's.
    C,
}

impl Capture {
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];
    /// Of the viewers that there are.
    pub const BEST: Self = Self::B;

    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }

    /// What is missing for a viewer of this class where another is demanded.
    pub fn meets(self, demanded: Option<Self>) -> Result<(), Refusal> {
        match demanded {
            Some(demanded) if self > demanded => {
                Err(if demanded == Self::A { Refusal::NeedsCaptureA } else { Refusal::NeedsCaptureB })
            }
            _ => Ok(()),
        }
    }
}

impl FromStr for Capture {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|class| class.name() == text).ok_or_else(|| "use A, B or C".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r08_a_class_meets_what_is_no_stricter() {
        assert_eq!(Capture::C.meets(None), Ok(()));
        assert_eq!(Capture::C.meets(Some(Capture::C)), Ok(()));
        assert_eq!(Capture::B.meets(Some(Capture::B)), Ok(()));
        assert_eq!(Capture::C.meets(Some(Capture::B)), Err(Refusal::NeedsCaptureB));
        assert_eq!(Capture::B.meets(Some(Capture::A)), Err(Refusal::NeedsCaptureA));
        assert_eq!(Capture::A.meets(Some(Capture::A)), Ok(()));
    }
}
