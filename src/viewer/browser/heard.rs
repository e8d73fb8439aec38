//! What a page may say: six short messages, and nothing else.

/// Signs that somebody tries to copy the picture, as far as a page can see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopySign {
    PrintScreen,
    Print,
    Save,
    Copy,
    Drag,
    /// The page lost the focus to a tool that cuts pictures out, or the like.
    Capture,
}

impl CopySign {
    pub const ALL: [Self; 6] = [Self::PrintScreen, Self::Print, Self::Save, Self::Copy, Self::Drag, Self::Capture];

    /// As the trace names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrintScreen => "print_screen",
            Self::Print => "print",
            Self::Save => "save",
            Self::Copy => "copy",
            Self::Drag => "drag",
            Self::Capture => "capture",
        }
    }
}

/// A message of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// All of an update is on the screen.
    Painted(u32),
    /// Somebody is there.
    Present,
    /// The page is not seen: no pixels until it is.
    Hidden,
    Visible,
    Copies(CopySign),
    Bye,
}

impl Heard {
    /// `None`: it is none of these.
    pub fn read(message: &[u8]) -> Option<Self> {
        Some(match message {
            [1, a, b, c, d] => Self::Painted(u32::from_be_bytes([*a, *b, *c, *d])),
            [2] => Self::Present,
            [3] => Self::Hidden,
            [4] => Self::Visible,
            [5, sign] => Self::Copies(*CopySign::ALL.get(usize::from(*sign))?),
            [6] => Self::Bye,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_the_list_is_no_message() {
        for message in [&[][..], &[0], &[1], &[1, 0, 0, 0], &[1, 0, 0, 0, 1, 0], &[2, 0], &[5], &[5, 6], &[6, 6], &[7]] {
            assert_eq!(Heard::read(message), None, "{message:?}");
        }
        assert_eq!(Heard::read(&[1, 0, 0, 1, 2]), Some(Heard::Painted(258)));
        assert_eq!(Heard::read(&[5, 0]), Some(Heard::Copies(CopySign::PrintScreen)));
    }
}
