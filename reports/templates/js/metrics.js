// What the heat map can show, and how a value becomes a colour.

const METRICS = {
  speedup: {
    label: "Speed-up",
    column: "speedup",
    format: times,
    unit: "reference time / own time",
    best: "high",
    frame: "fastest beyond its interval",
    won: true,
    scale: "diverging",
    limit: 8,
  },
  time: {
    label: "Time per call",
    column: "time",
    format: seconds,
    unit: "seconds per call; colour against the least of the row",
    best: "low",
    frame: "fastest beyond its interval",
    won: true,
    scale: "row",
    limit: 8,
  },
  gflops: {
    label: "GFLOP/s",
    column: "gflops",
    format: plain,
    unit: "GFLOP/s by the direct sum's operations",
    best: "high",
    frame: "fastest beyond its interval",
    won: true,
    scale: "log",
  },
  roof: {
    label: "Fraction of the ceiling",
    column: "roof",
    format: percent,
    unit: "time at the measured ceilings / own time",
    best: "high",
    frame: "fastest beyond its interval",
    won: true,
    scale: "log",
  },
  peak: {
    label: "Peak memory",
    column: "peak",
    format: bytes,
    unit: "bytes of one call at its high-water mark",
    best: "low",
    scale: "log",
  },
  error: {
    label: "Error",
    column: "error",
    format: scientific,
    unit: "relative L2 error against float64",
    best: "low",
    scale: "log",
  },
};
if (isComparison) {
  METRICS.change = {
    label: "Change",
    column: "change",
    format: times,
    unit: "time of this run / base time: above 1× is slower",
    frame: "the interval leaves 1× out",
    absent: "not comparable",
    scale: "diverging",
    limit: 2,
    slower: "high",
  };
}

// `limit`: beyond so many times slower or faster the colour says no more, only the number does.

function metricValue(cell, metric) {
  if (!cell) return null;
  const value = cell.get(metric.column);
  if (typeof value !== "number") return null;
  return value;
}

/** Return a function from a row's values to a place on the colour scale, 0 to 1, or null. */
function colouring(metric, scenarios, implementations) {
  if (metric.scale === "diverging") {
    const sign = metric.slower === "high" ? -1 : 1; // orange is slower, whichever way it counts
    return (value) => [DIVERGING, ((sign * Math.log(value)) / Math.log(metric.limit) + 1) / 2];
  }
  if (metric.scale === "row") {
    return (value, row) => {
      const best = Math.min(...row.filter((other) => other !== null));
      return [SEQUENTIAL, 1 - Math.log(value / best) / Math.log(metric.limit)];
    };
  }
  let [low, high] = [Infinity, -Infinity];
  for (const scenario of scenarios) {
    for (const implementation of implementations) {
      const value = metricValue(cellAt(scenario, implementation), metric);
      if (value > 0) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }
  return (value) => [
    SEQUENTIAL,
    value > 0 ? Math.log(value / low) / (Math.log(high / low) || 1) : 0,
  ];
}

/** Return whether a square gets a frame: who won its row, the best of it, or a clear change. */
function isFramed(cell, value, row, metric) {
  if (!metric.best) return cell.get("change_low") > 1 || (cell.get("change_high") ?? 1) < 1;
  if (metric.won) return cell.scenario.winner === columns.implementation[cell.index];
  const values = row.filter((other) => other !== null);
  return value === (metric.best === "high" ? Math.max(...values) : Math.min(...values));
}
