import { Monitor, Moon, Sun } from "lucide-react";
import { common } from "@/lib/messages";
import { setTheme, THEMES, useTheme } from "@/lib/theme";
import { IconButton } from "@/ui/button";

const ICONS = { system: Monitor, light: Sun, dark: Moon };

export function ThemeButton() {
  const theme = useTheme();
  const Icon = ICONS[theme];
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  return (
    <IconButton
      label={`${common.theme.label}: ${common.theme[theme]}`}
      onClick={() => setTheme(next)}
    >
      <Icon size={17} aria-hidden />
    </IconButton>
  );
}
