//! Built without the feature `images`: no picture is drawn.

#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "the same place as where pictures are drawn")]
pub(super) struct Place {
    pub(super) columns: u32,
    pub(super) rows: u32,
    pub(super) cell: (u32, u32),
    pub(super) tmux: bool,
    pub(super) id: u32,
}

macro_rules! none {
    ($($name:ident)*) => { $(pub(super) fn $name(_: &[u8], _: Place) -> Option<String> { None })* };
}

none!(kitty kitty_in_tmux iterm);

pub(super) fn sixel(_: &[u8], _: Place, _: (u32, u32)) -> Option<String> {
    None
}
