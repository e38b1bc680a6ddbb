import { calculator, schemes } from "@/lib/messages";
import { formatBasisPoints } from "@/lib/number";
import { SelectField, TextField } from "@/ui/field";
import { type Inputs, typedNumber, UNITS } from "./inputs";

const wrong = (text: string) =>
  text.trim() !== "" && typedNumber(text) === null ? calculator.badNumber : undefined;

/** What a miner has, and on what terms. */
export function CalculatorForm({ inputs }: { inputs: Inputs }) {
  const { fields, change } = inputs;
  const number = (label: string, text: string, onText: (text: string) => void, hint?: string) => (
    <TextField
      label={label}
      inputMode="decimal"
      value={text}
      error={wrong(text)}
      hint={hint}
      onChange={(event) => onText(event.target.value)}
    />
  );
  return (
    <form className="flex flex-col gap-4" onSubmit={(event) => event.preventDefault()}>
      <div className="grid grid-cols-[1fr_6.5rem] items-start gap-2">
        {number(calculator.hashrate, fields.rate, (rate) => change({ rate }))}
        <SelectField
          label={calculator.unit}
          value={fields.unit}
          onChange={(event) => change({ unit: event.target.value })}
        >
          {UNITS.map(([name]) => (
            <option key={name}>{name}</option>
          ))}
        </SelectField>
      </div>
      <SelectField
        label={calculator.scheme}
        value={fields.scheme}
        hint={schemes.about[fields.scheme]}
        onChange={(event) => change({ scheme: event.target.value })}
      >
        {inputs.offered.map((item) => (
          <option key={item.name} value={item.name}>
            {schemes.names[item.name] ?? item.name} ({formatBasisPoints(item.fee_bps)})
          </option>
        ))}
      </SelectField>
      {number(
        calculator.reward,
        inputs.reward,
        (reward) => change({ reward }),
        inputs.isRewardKnown ? calculator.rewardHint : calculator.noReward,
      )}
      <div className="grid grid-cols-2 items-start gap-2">
        {number(calculator.power, fields.watts, (watts) => change({ watts }), calculator.optional)}
        {number(calculator.price, fields.price, (price) => change({ price }), calculator.optional)}
      </div>
    </form>
  );
}
