import { defineSchedule, type Schedule } from "./define.js";

export const constantType = defineSchedule("constant", {}, () => 1);

/** The learning rate as it is. */
export function constant(): Schedule {
  return constantType.create({});
}
