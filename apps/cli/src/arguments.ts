import { InvalidArgumentError } from 'commander'

/** Reads an option's value as a whole number in a range. */
export const wholeNumber =
  (low: number, high: number) =>
  (value: string): number => {
    const number = Number(value)
    if (!/^\d+$/.test(value) || number < low || number > high) {
      throw new InvalidArgumentError(`It must be a whole number from ${low} to ${high}.`)
    }
    return number
  }
