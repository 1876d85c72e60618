// Cycles in which the stages of the gateware work, for frames one interval apart.

const FRAMES = 3;

export function makeTimeline(list, { timeline, interval }) {
  const end = Math.max(...timeline.map((bar) => bar.last)) + 1 + (FRAMES - 1) * interval;
  list.replaceChildren(...timeline.map(({ name, first, last }) => {
    const row = document.createElement("li"), lane = document.createElement("span");
    const title = document.createElement("span"), cycles = document.createElement("span");
    Object.assign(title, { className: "name", textContent: name, title: name });
    cycles.className = "cycles";
    cycles.textContent = first === last ? `cycle ${number(first)}`
      : `cycles ${number(first)} to ${number(last)}`;
    lane.className = "lane";
    for (let frame = 0; frame < FRAMES; frame++) {
      const bar = document.createElement("i");
      bar.style.left = `${100 * (first + frame * interval) / end}%`;
      bar.style.width = `${100 * (last - first + 1) / end}%`;
      lane.append(bar);
    }
    row.append(title, lane, cycles);
    return row;
  }));
}

export function timelineNote({ latency, interval, frames }, measured) {
  const took = measured === null ? `The class takes ${number(latency)} cycles (computed)`
    : `This class took ${number(measured)} cycles, measured in the simulation`
      + (measured === latency ? ", as computed" : `, not ${number(latency)} as computed`);
  const each = frames === 1 ? "a frame" : `${frames} frames`;
  return `${took}. In a stream ${each} may follow every ${number(interval)} cycles; the pale bars `
    + `are the next ${FRAMES - 1}.`;
}

const number = (value) => value.toLocaleString("en");
