type Style = (text: string) => string

export interface Colors {
  bold: Style
  dim: Style
  red: Style
  green: Style
  yellow: Style
  blue: Style
  cyan: Style
}

const CODES: Record<keyof Colors, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
}

/** Styles for a terminal, or ones that do nothing. */
export function colors(enabled: boolean): Colors {
  const style =
    ([open, close]: [number, number]): Style =>
    (text) =>
      enabled && text !== '' ? `\x1b[${open}m${text}\x1b[${close}m` : text
  const { bold, dim, red, green, yellow, blue, cyan } = CODES
  return {
    bold: style(bold),
    dim: style(dim),
    red: style(red),
    green: style(green),
    yellow: style(yellow),
    blue: style(blue),
    cyan: style(cyan),
  }
}

/** `NO_COLOR` and `FORCE_COLOR` as is the custom, else whether it is a terminal that knows colours. */
export function wantsColor(env: NodeJS.ProcessEnv, isTty: boolean): boolean {
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
  if (env.NO_COLOR) return false
  return isTty && env.TERM !== 'dumb'
}
