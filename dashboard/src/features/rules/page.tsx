import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { poolQuery } from "@/api/queries";
import type { Pool } from "@/api/types";
import { formatXel } from "@/lib/amount";
import { rules, schemes } from "@/lib/messages";
import { formatBasisPoints, formatCount, toNumber } from "@/lib/number";
import { formatDuration } from "@/lib/time";
import { PageTitle } from "@/ui/page-title";
import { InForce } from "./in-force";

type Question = { id: string; question: string; answer: ReactNode };

export default function RulesPage() {
  const { data: pool, error } = useQuery(poolQuery);
  return (
    <div className="flex flex-col gap-6">
      <PageTitle title={rules.title} intro={rules.intro} />
      {/* Without a node to ask, the rules stand without their numbers. */}
      {pool || error ? (
        <Rules pool={pool} />
      ) : (
        <span className="skeleton h-[40rem] w-full rounded-[10px]" />
      )}
    </div>
  );
}

function Rules({ pool }: { pool: Pool | undefined }) {
  const sections = sectionsOf(pool);
  return (
    <>
      <InForce pool={pool} />
      <div className="grid items-start gap-x-12 gap-y-6 lg:grid-cols-[15rem_1fr]">
        <nav aria-label={rules.contents} className="text-[0.92rem] lg:sticky lg:top-20">
          <p className="eyebrow mb-1.5">{rules.contents}</p>
          <ul className="flex flex-col max-lg:grid max-lg:grid-cols-2">
            {sections.map(({ id, title }) => (
              <li key={id}>
                <a
                  href={`#${id}`}
                  className="flex min-h-9 items-center hover:text-accent hover:underline"
                >
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div className="flex max-w-[46rem] flex-col gap-9">
          {sections.map(({ id, title, questions }) => (
            <section key={id} aria-labelledby={id}>
              <h2
                id={id}
                className="scroll-mt-20 border-b border-line pb-2 text-[1.15rem] font-semibold"
              >
                {title}
              </h2>
              {questions.map(({ id: name, question, answer }) => (
                <div key={name} className="mt-5">
                  <h3 id={name} className="scroll-mt-20 font-medium">
                    {question}
                  </h3>
                  <div className="mt-1 text-muted">{answer}</div>
                </div>
              ))}
            </section>
          ))}
        </div>
      </div>
    </>
  );
}

function sectionsOf(
  pool: Pool | undefined,
): { id: string; title: string; questions: Question[] }[] {
  const { questions, sections } = rules;
  const ask = (id: keyof typeof questions, answer: ReactNode): Question => ({
    id,
    question: questions[id],
    answer,
  });
  return [
    { id: "pay", title: sections.pay, questions: payQuestions(pool, ask) },
    {
      id: "safety",
      title: sections.safety,
      questions: [
        ask("nodeDies", rules.nodeDies),
        ask("lostShare", rules.lostShare),
        ask("paidTwice", rules.paidTwice),
        ask("noMajority", rules.noMajority),
      ],
    },
    {
      id: "mining",
      title: sections.mining,
      questions: [
        ask("stale", rules.stale),
        ask("late", rules.late),
        ask("difficulty", rules.difficulty),
        ask("bans", rules.bans),
      ],
    },
    { id: "data", title: sections.data, questions: [ask("kept", rules.kept)] },
  ];
}

function payQuestions(
  pool: Pool | undefined,
  ask: (id: keyof typeof rules.questions, answer: ReactNode) => Question,
): Question[] {
  const settings = pool?.settings;
  const window = toNumber(pool?.window.blocks_of_work_max);
  const every = settings ? formatDuration(settings.payout_interval_ms) : "–";
  const minimum = rules.minimum(formatXel(settings?.payout_threshold_atomic), every);
  const fee = rules.networkFee[settings?.network_fee_payer ?? ""] ?? "";
  return [
    ask(
      "schemes",
      <ul className="flex list-disc flex-col gap-1 pl-5">
        {settings?.schemes.map((offered) => (
          <li key={offered.name}>
            <strong className="font-medium text-ink">
              {rules.feeOf(
                schemes.names[offered.name] ?? offered.name,
                formatBasisPoints(offered.fee_bps),
              )}
            </strong>
            : {schemes.about[offered.name]}
          </li>
        ))}
      </ul>,
    ),
    ask("choose", rules.choose),
    ask("window", rules.window(window === null ? "–" : formatCount(window))),
    ask("minimum", `${minimum} ${fee}`),
    ask("orphan", rules.orphan(pool ? String(pool.node.stability_heights) : "–")),
    ask("proof", rules.proof),
  ];
}
