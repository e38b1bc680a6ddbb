/** A raft: logs, tied together. */
export function Logo({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" className="fill-accent" />
      <g fill="none" strokeLinecap="round" className="stroke-accent-ink">
        <path strokeWidth="3.4" d="M8 10.5h13M11 16h13M8 21.5h13" />
        <path strokeWidth="1.6" d="M13 7.5v17M19 7.5v17" opacity=".65" />
      </g>
    </svg>
  );
}
