import { Link } from "@tanstack/react-router";
import { home } from "@/lib/messages";
import { CopyLine } from "@/ui/copy";
import { Panel } from "@/ui/panel";

export function ConnectPanel() {
  const { connect } = home;
  return (
    <Panel
      title={connect.title}
      actions={
        <Link to="/start" className="link text-sm">
          {connect.more}
        </Link>
      }
    >
      <p className="text-sm text-muted">{connect.intro}</p>
      <dl className="mt-4 flex flex-col gap-3 text-sm">
        <div>
          <dt className="mb-1 font-medium">{connect.user}</dt>
          <dd>
            <CopyLine text={connect.example} label={connect.copy} />
            <p className="mt-1 text-muted">{connect.userForm}</p>
          </dd>
        </div>
      </dl>
    </Panel>
  );
}
