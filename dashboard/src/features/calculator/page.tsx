import { useQuery } from "@tanstack/react-query";
import { poolQuery } from "@/api/queries";
import type { Pool } from "@/api/types";
import { calculator } from "@/lib/messages";
import { formatBasisPoints, formatScaled } from "@/lib/number";
import { PageTitle } from "@/ui/page-title";
import { Loaded, Panel } from "@/ui/panel";
import { EarningsTable } from "./earnings-table";
import { CalculatorForm } from "./form";
import { useInputs } from "./inputs";

export default function CalculatorPage() {
  const pool = useQuery(poolQuery);
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <PageTitle title={calculator.title} intro={calculator.intro} />
      <Loaded query={pool} skeleton={<span className="skeleton h-[34rem] w-full rounded-[10px]" />}>
        {(data) => <Calculator pool={data} />}
      </Loaded>
    </div>
  );
}

function Calculator({ pool }: { pool: Pool }) {
  const inputs = useInputs(pool);
  return (
    <div className="grid items-start gap-5 max-sm:gap-4 lg:grid-cols-[1fr_1.9fr]">
      <Panel>
        <CalculatorForm inputs={inputs} />
      </Panel>
      <EarningsTable
        rows={inputs.rows}
        scheme={inputs.fields.scheme}
        assumes={calculator.assumes(formatScaled(inputs.difficulty), formatBasisPoints(inputs.fee))}
        powerCost={inputs.powerCost}
      />
    </div>
  );
}
