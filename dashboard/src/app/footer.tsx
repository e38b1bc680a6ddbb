import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useLinks } from "@/api/links";
import { poolQuery } from "@/api/queries";
import { footer, navigation } from "@/lib/messages";

export function Footer() {
  const { data } = useQuery(poolQuery);
  const { contact } = useLinks();
  return (
    <footer className="border-t border-line text-[0.83rem] text-muted">
      <div className="mx-auto flex max-w-[74rem] flex-wrap items-center justify-between gap-x-6 gap-y-2 px-6 py-5 max-sm:px-3.5">
        <p>{footer.promise}</p>
        <p className="flex flex-wrap gap-x-4">
          <Link to="/rules" className="hover:text-ink hover:underline">
            {navigation.rules}
          </Link>
          <Link to="/api" className="hover:text-ink hover:underline">
            {navigation.api}
          </Link>
          {contact && (
            <a href={contact} rel="noreferrer" className="hover:text-ink hover:underline">
              {footer.contact}
            </a>
          )}
          {data && <span>{footer.version(data.node.version)}</span>}
        </p>
      </div>
    </footer>
  );
}
