// How lucky is lucky. The work of a round over the network's difficulty is exponential with mean
// 1, so the mean of n rounds is a gamma distribution; its 5 % and 95 % quantiles are the band in
// which nine of ten honest pools are. Nothing is ever rescaled to look better.

export type Band = { low: number; high: number };

const EXACT_ROUNDS_MAX = 400;

/** Probability that a round took at most `effort`. */
export function effortProbability(effort: number): number {
  return 1 - Math.exp(-Math.max(0, effort));
}

/** The band of the mean effort of `rounds` rounds that holds with 90 %. */
export function effortBand(rounds: number): Band | null {
  if (rounds < 1) return null;
  return { low: meanQuantile(rounds, 0.05), high: meanQuantile(rounds, 0.95) };
}

/** Quantile of the mean of `rounds` exponential values. */
function meanQuantile(rounds: number, probability: number): number {
  if (rounds > EXACT_ROUNDS_MAX) return wilsonHilferty(rounds, probability);
  let [low, high] = [0, rounds + 12 * Math.sqrt(rounds) + 12];
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (gammaProbability(rounds, middle) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2 / rounds;
}

/** P(sum of `rounds` exponential values <= x), which is P(Poisson(x) >= rounds). */
function gammaProbability(rounds: number, x: number): number {
  return 1 - poissonProbability(x, rounds - 1);
}

/** P(Poisson(mean) <= count). */
export function poissonProbability(mean: number, count: number): number {
  if (count < 0) return 0;
  let logTerm = -mean;
  let sum = 0;
  for (let k = 0; k <= count; k += 1) {
    if (k > 0) logTerm += Math.log(mean) - Math.log(k);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, sum);
}

const POISSON_EXACT_MAX = 500;

/** Smallest count that a Poisson variable of this mean does not exceed with `probability`. */
export function poissonQuantile(mean: number, probability: number): number {
  if (mean <= 0) return 0;
  if (mean > POISSON_EXACT_MAX) {
    return Math.max(0, Math.round(mean + normalQuantile(probability) * Math.sqrt(mean)));
  }
  let logTerm = -mean;
  let sum = Math.exp(logTerm);
  let count = 0;
  while (sum < probability && count < 4 * POISSON_EXACT_MAX) {
    count += 1;
    logTerm += Math.log(mean) - Math.log(count);
    sum += Math.exp(logTerm);
  }
  return count;
}

/** Good to a thousandth for the many rounds it is used for. */
function wilsonHilferty(rounds: number, probability: number): number {
  const step = 1 / (9 * rounds);
  return (1 - step + normalQuantile(probability) * Math.sqrt(step)) ** 3;
}

/** Of the two probabilities that are used. */
function normalQuantile(probability: number): number {
  return probability < 0.5 ? -1.6448536 : 1.6448536;
}
