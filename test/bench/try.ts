import { practiceGround } from './ground.ts';
import { measureIdle } from './idle.ts';
import { renderSection } from './figures.ts';
const g = await practiceGround();
try { console.log(renderSection(await measureIdle(g, Number(process.argv[2]??1)))) } finally { await g.close(); }
