export { type Fields, fieldsOf, isFields, itemsOf, numberOf, sameJson, textMapOf, textOf, textsOf } from '@hawser/edge';
