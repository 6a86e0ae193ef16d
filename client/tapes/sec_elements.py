"""The 72 elements of SEC Schedule AL for automobile loans (Form ABS-EE, exhibit EX-102), in the order of the schema.

Source: eis_ABS_AutoLoanAssetData.xsd of the SEC's EDGAR ABS XML; Item 3 of 17 CFR 229.1125.
"""

from typing import Final

from client.tapes.element import Element, Kind

NAMESPACE: Final = "http://www.sec.gov/edgar/document/absee/autoloan/assetdata"
LEASE_NAMESPACE: Final = "http://www.sec.gov/edgar/document/absee/autolease/assetdata"
ROOT: Final = "assetData"
RECORD: Final = "assets"

_LINES: Final = """
assetTypeNumber text 100
assetNumber text 25
reportingPeriodBeginningDate date
reportingPeriodEndingDate date
originatorName text 50
originationDate month
originalLoanAmount amount
originalLoanTerm integer
loanMaturityDate month
originalInterestRatePercentage ratio
interestCalculationTypeCode code 1 98
originalInterestRateTypeCode code 1 2 98
originalInterestOnlyTermNumber integer
originalFirstPaymentDate month
underwritingIndicator boolean
gracePeriodNumber integer
paymentTypeCode code 1 2 3 4 98
subvented codes 0 1 2 98
vehicleManufacturerName text 30
vehicleModelName text 30
vehicleNewUsedCode code 1 2
vehicleModelYear integer
vehicleTypeCode code 1 2 3 4 98 99
vehicleValueAmount amount
vehicleValueSourceCode code 1 2 3 98
obligorCreditScoreType text 35
obligorCreditScore text 20
obligorIncomeVerificationLevelCode code 1 2 3 4 5
obligorEmploymentVerificationCode code 1 2 3
coObligorIndicator boolean
paymentToIncomePercentage ratio
obligorGeographicLocation text 100
assetAddedIndicator boolean
remainingTermToMaturityNumber integer
reportingPeriodModificationIndicator boolean
servicingAdvanceMethodCode code 1 2 3 4 99
reportingPeriodBeginningLoanBalanceAmount amount
nextReportingPeriodPaymentAmountDue amount
reportingPeriodInterestRatePercentage ratio
nextInterestRatePercentage ratio
servicingFeePercentage ratio
servicingFlatFeeAmount amount
otherServicerFeeRetainedByServicer amount
otherAssessedUncollectedServicerFeeAmount amount
scheduledInterestAmount amount
scheduledPrincipalAmount amount
otherPrincipalAdjustmentAmount amount
reportingPeriodActualEndBalanceAmount amount
reportingPeriodScheduledPaymentAmount amount
totalActualAmountPaid amount
actualInterestCollectedAmount amount
actualPrincipalCollectedAmount amount
actualOtherCollectedAmount amount
servicerAdvancedAmount amount
interestPaidThroughDate date
zeroBalanceEffectiveDate month
zeroBalanceCode codes 1 2 3 4 5 99
currentDelinquencyStatus integer
primaryLoanServicerName text 100
mostRecentServicingTransferReceivedDate month
assetSubjectDemandIndicator boolean
assetSubjectDemandStatusCode code 0 1 2 3 4 98
repurchaseAmount amount
demandResolutionDate date
repurchaserName text 30
repurchaseReplacementReasonCode codes 1 2 3 4 5 98 99
chargedoffPrincipalAmount amount
recoveredAmount amount
modificationTypeCode codes 1 2 3 4 98
paymentExtendedNumber integer
repossessedIndicator boolean
repossessedProceedsAmount amount
"""

ALIASES: Final = {
    "obligoremployementverificationcode": "obligorEmploymentVerificationCode",
    "scheduleinterestamount": "scheduledInterestAmount",
    "otherprincipaladjustedamount": "otherPrincipalAdjustmentAmount",
    "otherassesseduncollectedservierfeeamount": "otherAssessedUncollectedServicerFeeAmount",
    "reportingperiodmodicationindicator": "reportingPeriodModificationIndicator",
    "actualinterestcollectamount": "actualInterestCollectedAmount",
}
"""Misspellings of older CSV conversions, in lower case."""


def _element(line: str) -> Element:
    name, word, *rest = line.split()
    if word == "codes":
        return Element(name=name, kind=Kind.CODE, codes=tuple(rest), repeats=True)
    if word == "code":
        return Element(name=name, kind=Kind.CODE, codes=tuple(rest))
    if word == "text":
        return Element(name=name, kind=Kind.TEXT, length=int(rest[0]))
    return Element(name=name, kind=Kind(word))


ELEMENTS: Final = {element.name: element for element in map(_element, _LINES.strip().splitlines())}
