// The drawing of a time series. uPlot paints on a canvas, which knows no styles: colours are read
// from the page when it draws, and again when the theme changes.

import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { charts } from "@/lib/messages";
import { onThemeChange } from "@/lib/theme";
import { formatClock, formatMoment } from "@/lib/time";
import type { ChartData, Marker } from "./types";

type Colours = { accent: string; ink: string; muted: string; line: string; surface: string };

export default function Plot({ data, height }: { data: ChartData; height: number }) {
  const host = useRef<HTMLDivElement>(null);
  const [hovered, setHovered] = useState<number | null>(null);
  const newest = useRef(data);
  newest.current = data;
  const plot = useRef<uPlot | null>(null);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const make = () => {
      plot.current?.destroy();
      const options = optionsFor(element, height, () => newest.current, setHovered);
      plot.current = new uPlot(options, valuesOf(newest.current), element);
      followFingers(plot.current);
    };
    make();
    const resize = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height });
    });
    resize.observe(element);
    const unfollow = onThemeChange(make);
    return () => {
      resize.disconnect();
      unfollow();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [height]);

  useEffect(() => {
    plot.current?.setData(valuesOf(data));
  }, [data]);

  return (
    <div>
      <Readout data={data} index={hovered ?? data.times.length - 1} isHovered={hovered !== null} />
      <div ref={host} aria-hidden style={{ height }} className="w-full overflow-hidden" />
    </div>
  );
}

/** The values under the crosshair, on a fixed line: nothing covers the chart. */
function Readout({
  data,
  index,
  isHovered,
}: {
  data: ChartData;
  index: number;
  isHovered: boolean;
}) {
  const time = data.times[index];
  const at_ms = time === undefined ? 0 : time;
  const near = data.markers?.filter((marker) => Math.abs(marker.at_ms - at_ms) <= data.step_ms / 2);
  return (
    <p
      aria-hidden
      className="flex h-6 gap-x-4 overflow-hidden text-[0.83rem] whitespace-nowrap text-muted"
    >
      <span>{isHovered ? formatMoment(at_ms) : charts.newest}</span>
      {[...data.lines, ...(data.counts ?? [])].map((line) => {
        const value = line.values[index];
        return (
          <span key={line.name}>
            {line.name}{" "}
            <strong className="font-semibold text-ink">
              {value === null || value === undefined ? "–" : line.format(value)}
            </strong>
          </span>
        );
      })}
      {isHovered &&
        near?.slice(0, 2).map((marker) => <span key={marker.label}>{marker.label}</span>)}
    </p>
  );
}

function valuesOf(data: ChartData): uPlot.AlignedData {
  return [
    data.times.map((time) => time / 1000),
    ...data.lines.map((line) => line.values),
  ] as uPlot.AlignedData;
}

function coloursOf(element: HTMLElement): Colours {
  const probe = document.createElement("span");
  element.append(probe);
  const colour = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = {
    accent: colour("accent"),
    ink: colour("ink"),
    muted: colour("muted"),
    line: colour("line"),
    surface: colour("surface"),
  };
  probe.remove();
  return colours;
}

function optionsFor(
  element: HTMLElement,
  height: number,
  data: () => ChartData,
  onHover: (index: number | null) => void,
): uPlot.Options {
  const colours = coloursOf(element);
  const font = `12px ${getComputedStyle(element).fontFamily}`;
  const format = (value: number) => data().lines[0]?.format(value) ?? "";
  const isLong = () => (data().times.at(-1) ?? 0) - (data().times[0] ?? 0) > 36 * 3_600_000;
  return {
    width: element.clientWidth,
    height,
    padding: [14, 12, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { size: 8, fill: colours.accent, stroke: colours.surface, width: 2 },
      drag: { x: false, y: false },
    },
    scales: { x: { time: true }, y: { range: (_, __, high) => [0, high > 0 ? high * 1.12 : 1] } },
    axes: [
      {
        stroke: colours.muted,
        font,
        grid: { show: false },
        ticks: { stroke: colours.line, size: 4 },
        space: element.clientWidth < 500 ? 64 : 90,
        size: 30,
        values: (_, splits) =>
          splits.map((at) => (isLong() ? dayOf(at * 1000) : formatClock(at * 1000))),
      },
      {
        stroke: colours.muted,
        font,
        size: 74,
        gap: 8,
        space: 46,
        grid: { stroke: colours.line, width: 1 },
        ticks: { show: false },
        values: (_, splits) => splits.map(format),
      },
    ],
    series: [
      {},
      ...data().lines.map((_, index) => ({
        stroke: index === 0 ? colours.accent : colours.muted,
        width: index === 0 ? 2 : 1.5,
        ...(index === 0 ? { fill: (plot: uPlot) => fade(plot, colours.accent) } : { dash: [4, 4] }),
        points: { show: data().times.length < 12, size: 6, fill: colours.accent },
      })),
    ],
    hooks: {
      setCursor: [(plot) => onHover(plot.cursor.idx ?? null)],
      drawAxes: [(plot) => drawLines(plot, data().markers ?? [], colours)],
      draw: [(plot) => drawMarkers(plot, data().markers ?? [], colours)],
    },
  };
}

function dayOf(at_ms: number): string {
  return new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }).format(at_ms);
}

function fade(plot: uPlot, colour: string): CanvasGradient {
  const { top, height } = plot.bbox;
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  const transparent = (alpha: number) => colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
  gradient.addColorStop(0, transparent(0.22));
  gradient.addColorStop(1, transparent(0));
  return gradient;
}

/** With more than these, lines would hide what they are to point at. */
const LINES_MAX = 15;

/** Lines from the markers down, below the values. */
function drawLines(plot: uPlot, markers: Marker[], colours: Colours): void {
  const { ctx, bbox } = plot;
  const [low, high] = [plot.scales.x?.min ?? 0, plot.scales.x?.max ?? 0];
  const shown = markers.filter(({ at_ms }) => at_ms / 1000 >= low && at_ms / 1000 <= high);
  if (shown.length > LINES_MAX) return;
  ctx.save();
  ctx.strokeStyle = colours.line;
  ctx.lineWidth = devicePixelRatio;
  for (const { at_ms } of shown) {
    const x = Math.round(plot.valToPos(at_ms / 1000, "x", true));
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

/** Blocks are dots and payouts diamonds, on the upper edge where no line is. */
function drawMarkers(plot: uPlot, markers: Marker[], colours: Colours): void {
  const { ctx, bbox } = plot;
  const size = 3.5 * devicePixelRatio;
  ctx.save();
  for (const marker of markers) {
    const x = Math.round(plot.valToPos(marker.at_ms / 1000, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const y = bbox.top - size;
    ctx.beginPath();
    if (marker.kind === "block") {
      ctx.fillStyle = colours.ink;
      ctx.arc(x, y, size, 0, 2 * Math.PI);
      ctx.fill();
    } else {
      ctx.strokeStyle = colours.ink;
      ctx.lineWidth = 1.5 * devicePixelRatio;
      ctx.moveTo(x, y - size * 1.2);
      ctx.lineTo(x + size * 1.2, y);
      ctx.lineTo(x, y + size * 1.2);
      ctx.lineTo(x - size * 1.2, y);
      ctx.closePath();
      ctx.stroke();
    }
  }
  ctx.restore();
}

/** One finger moves the crosshair; moving it up or down still scrolls the page. */
function followFingers(plot: uPlot): void {
  const follow = (event: TouchEvent) => {
    const [touch] = event.touches;
    if (!touch) return;
    const { left, top } = plot.over.getBoundingClientRect();
    plot.setCursor({ left: touch.clientX - left, top: touch.clientY - top });
  };
  plot.over.style.touchAction = "pan-y";
  plot.over.addEventListener("touchstart", follow, { passive: true });
  plot.over.addEventListener("touchmove", follow, { passive: true });
  plot.over.addEventListener("touchend", () => plot.setCursor({ left: -10, top: -10 }));
}
