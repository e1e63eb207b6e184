// Pairs of runs and what they say.

export const median = values => {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
const spread = values => `${round(median(values))} [${round(Math.min(...values))}..${round(Math.max(...values))}]`;
const round = value => Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US').replaceAll(',', ' ')
    : String(Number(value.toPrecision(3)));

class Comparison {
    constructor(target, peer, ours) {
        Object.assign(this, { target, peer, ours });
        this.ratios = ours.map((value, index) => value / peer[index]);
    }
    summary() {
        const { name, unit, gate, goal } = this.target;
        return {
            name, unit, peer: this.peer, ours: this.ours, ratios: this.ratios,
            ...(this.ours.length && { ratio: median(this.ratios), gate, goal, gateMet: this.meets(gate), goalMet: this.meets(goal) }),
        };
    }
    // A limit is { atLeast } or { atMost }, of the ratio ours / peer; or { oursAtMost }, of our own value.
    meets(limit) {
        if (!limit) return undefined;
        const ratio = median(this.ratios);
        return !(ratio < limit.atLeast) && !(ratio > limit.atMost) && !(median(this.ours) > limit.oursAtMost);
    }
    text() {
        const { name, unit, gate, goal } = this.target;
        const words = limit => Object.entries(limit).map(([kind, value]) => ({
            atLeast: `>= ${value}x`, atMost: `<= ${value}x`, oursAtMost: `<= ${value} ${unit}`,
        })[kind]).join(' and ');
        const verdict = (label, limit) => limit ? `, ${label} ${words(limit)} ${this.meets(limit) ? 'met' : 'MISSED'}` : '';
        const peerless = !this.peer.some(Number.isFinite);   // no peer, or one that has no such figure
        if (this.ours.length === 0) return `  ${name}: peer ${peerless ? 'has no such figure' : `${spread(this.peer)} ${unit}`}`;
        if (peerless) return `  ${name}: ${spread(this.ours)} ${unit}${verdict('gate', gate)}${verdict('goal', goal)}`;
        return `  ${name}: ratio ${spread(this.ratios)} (peer ${spread(this.peer)} ${unit}, twinhub ${spread(this.ours)} ${unit})` +
            verdict('gate', gate) + verdict('goal', goal);
    }
}

// Runs `peer` and `ours` in turn and gives one comparison for each target
// { name, unit, of: run => number, gate, goal }. `ours` is undefined when only peers are wanted.
export async function compare({ pairs, peer, ours, targets, oursFirst = false }) {
    const runs = { peer: [], ours: [] };
    for (let pair = 0; pair < pairs; ++pair) {
        // The order alternates too: a slow drift of the machine hits both alike.
        const order = !oursFirst && pair % 2 === 0 ? [['peer', peer], ['ours', ours]] : [['ours', ours], ['peer', peer]];
        for (const [side, measure] of order) {
            if (!measure) continue;
            const result = await measure(pair);
            runs[side].push(result);
            console.log(`    ${side === 'ours' ? 'twinhub' : 'peer   '} ${JSON.stringify(result)}`);
        }
    }
    return targets.map(target => new Comparison(target, runs.peer.map(target.ofPeer ?? target.of), runs.ours.map(target.of)));
}
