import { Download } from "lucide-react";
import { buttonClass } from "../button";

/** A table of the API as a file for spreadsheets. */
export function CsvLink({ path, children }: { path: string; children: string }) {
  return (
    <div className="flex justify-end border-t border-line px-3 py-2">
      <a href={path} download className={buttonClass("quiet", "min-h-9")}>
        <Download size={15} aria-hidden /> {children}
      </a>
    </div>
  );
}
