export interface FrameSample {
  name: string
  from: 'server' | 'daemon'
  taken: boolean
  text(): string
}

const MB = 1_000_000
const start = (spec: string) =>
  `{"type":"agent:start","command_id":"c","agent_id":"a","spec":{"cwd":"/",${spec}}}`
const prompt = (content: string) =>
  `{"type":"agent:prompt","command_id":"c","agent_id":"a","content":${content}}`
const activity = (events: string) =>
  `{"type":"agent:activity","agent_id":"a","from":0,"to":1000000000,"events":[${events}]}`
const many = (count: number, item: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => item(n)).join()

/** Large frames; each is expensive in a different way. */
export const FRAMES: FrameSample[] = [
  {
    name: 'wrong items',
    from: 'server',
    taken: false,
    text: () => start(`"add_dirs":[${'1,'.repeat(15 * MB)}1]`),
  },
  {
    name: 'too many values',
    from: 'server',
    taken: false,
    text: () => start(`"mcp_servers":{"a":[${'{},'.repeat(10 * MB)}{}]}`),
  },
  {
    name: 'brackets',
    from: 'server',
    taken: false,
    text: () => start(`"mcp_servers":${'['.repeat(30 * MB)}`),
  },
  {
    name: 'a fault at the end',
    from: 'server',
    taken: false,
    text: () =>
      start(
        `"system_prompt":{"mode":"append","text":"${'x'.repeat(MB)}"},"add_dirs":["${'/x'.repeat(14 * MB)}"]`,
      ),
  },
  {
    name: 'a deep status',
    from: 'daemon',
    taken: false,
    text: () => `{"type":"machine:status","update":${'['.repeat(15 * MB)}${']'.repeat(15 * MB)}}`,
  },
  {
    name: 'a long prompt',
    from: 'server',
    taken: true,
    text: () => prompt(JSON.stringify('say "hello"\n'.repeat(MB))),
  },
  {
    name: 'a long event',
    from: 'daemon',
    taken: true,
    text: () => activity(`{"kind":"text","offset":0,"index":0,"text":"${'x'.repeat(16 * MB)}"}`),
  },
  {
    name: 'many values',
    from: 'daemon',
    taken: true,
    text: () => activity(`{"kind":"unknown","offset":0,"index":0,"raw":[${'1,'.repeat(8 * MB)}1]}`),
  },
  {
    name: 'many events',
    from: 'daemon',
    taken: true,
    text: () =>
      activity(
        many(
          250_000,
          (n) =>
            `{"kind":"text_delta","message_id":"msg_01","block":0,"text":"Looking at ${n}","offset":${n},"index":0}`,
        ),
      ),
  },
]
