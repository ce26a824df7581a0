// Loaded before anything else by `node --import`: this process believes in a wall clock that is CLOCK_SKEW_MS off. Its monotonic clock
// and its timers are left alone, as they are on a machine whose clock is set wrongly.
const skewMs = Number(process.env['CLOCK_SKEW_MS'])
if (!Number.isFinite(skewMs)) throw new Error('CLOCK_SKEW_MS must be a number of milliseconds')

globalThis.Date = new Proxy(Date, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [target.now() + skewMs] : args, newTarget) as object,
  apply: (target) => new target(target.now() + skewMs).toString(),
  get: (target, name) => (name === 'now' ? () => target.now() + skewMs : (Reflect.get(target, name) as unknown)),
})
