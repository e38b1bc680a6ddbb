import {
  BookOpenText,
  Boxes,
  Braces,
  Calculator,
  HandCoins,
  Home,
  type LucideIcon,
  Pickaxe,
  Server,
} from "lucide-react";
import { navigation } from "@/lib/messages";

/** Every page of the navigation, in its order. */
export const PAGES = [
  { to: "/", words: navigation.home, icon: Home, inHeader: false },
  { to: "/start", words: navigation.start, icon: Pickaxe, inHeader: true },
  { to: "/blocks", words: navigation.blocks, icon: Boxes, inHeader: true },
  { to: "/payouts", words: navigation.payouts, icon: HandCoins, inHeader: true },
  { to: "/calculator", words: navigation.calculator, icon: Calculator, inHeader: true },
  { to: "/status", words: navigation.status, icon: Server, inHeader: true },
  { to: "/api", words: navigation.api, icon: Braces, inHeader: true },
  { to: "/rules", words: navigation.rules, icon: BookOpenText, inHeader: true },
] as const satisfies readonly {
  to: string;
  words: string;
  icon: LucideIcon;
  inHeader: boolean;
}[];
