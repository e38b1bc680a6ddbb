import { Link } from "@tanstack/react-router";
import { common } from "@/lib/messages";
import { Empty } from "@/ui/panel";

export function NotFound() {
  return (
    <div className="panel">
      <Empty title={common.notFound.title} isPage>
        <p>{common.notFound.text}</p>
        <p className="mt-3">
          <Link to="/" className="link">
            {common.notFound.home}
          </Link>
        </p>
      </Empty>
    </div>
  );
}
