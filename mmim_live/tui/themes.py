"""The themes of the app. Blue and orange tell the tones apart for color-blind users."""

from textual.theme import Theme

DARK = Theme(
    name="mmim-dark",
    primary="#4cc2e0",
    secondary="#8b9ad0",
    accent="#c7a6ff",
    warning="#ff9d57",
    error="#ff6b6b",
    success="#5fd38d",
    foreground="#d7dbe6",
    background="#10131a",
    surface="#10131a",
    panel="#1c2230",
    boost="#262d3d",
    dark=True,
    variables={"border": "#3a4358", "footer-key-foreground": "#4cc2e0"},
)
LIGHT = Theme(
    name="mmim-light",
    primary="#00698c",
    secondary="#4a5a94",
    accent="#7a3fc0",
    warning="#b34700",
    error="#b3261e",
    success="#1c7a43",
    foreground="#1e2430",
    background="#f7f8fa",
    surface="#f7f8fa",
    panel="#e6e9f0",
    boost="#dde2ec",
    dark=False,
    variables={"border": "#aab2c4", "footer-key-foreground": "#00698c"},
)
CYCLE = (DARK.name, LIGHT.name, "nord", "gruvbox", "dracula", "ansi-dark")
