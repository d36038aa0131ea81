/** Joins the labels of a repeated flag. */
export const joinLabels = (label: string, before?: string) =>
  before === undefined ? label : `${before},${label}`
