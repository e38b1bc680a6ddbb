import { Link } from "@tanstack/react-router";
import { miner } from "@/lib/messages";
import { buttonClass } from "@/ui/button";

/** An address that is right and has not mined here: what to look at, in the order it helps. */
export function UnknownMiner({ address }: { address: string }) {
  const { unknown } = miner;
  return (
    <section className="panel px-6 py-8 max-sm:px-4">
      <h2 className="text-[1.15rem] font-semibold">{unknown.title}</h2>
      <p className="mt-1 text-muted">
        {unknown.text} {miner.waiting}
      </p>
      <h3 className="mt-5 font-medium">{unknown.check}</h3>
      <ol className="mt-1 flex list-decimal flex-col gap-1 pl-5 text-muted">
        {unknown.steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <Link to="/start" search={{ address }} className={buttonClass("primary", "mt-5")}>
        {unknown.start}
      </Link>
    </section>
  );
}
