"""Emission lines of quasars and galaxies: vacuum rest wavelengths, typical strengths, widths and shifts.

Wavelengths are those of the NIST and SDSS line lists, in Angstrom, vacuum. Equivalent widths of broad lines follow
Vanden Berk et al. (2001, AJ 122, 549, Table 2, whose wavelengths are vacuum ones), where one entry of that table for a
blend is shared out among its lines. Lya and N V are as before the forest absorbs, Balmer lines as without the light of
the host that the composite has in the red.
"""

from typing import NamedTuple

C = 299792.458  # km/s

LYA, LYB, LYG, LYD, LYMAN_LIMIT = 1215.670, 1025.722, 972.537, 949.743, 911.753
NV, SIIV, CIV, CIII, MGII = 1240.14, 1396.76, 1549.06, 1908.73, 2798.75
OII, HBETA, OIII, HALPHA = (3727.10, 3729.86), 4862.71, (4960.295, 5008.240), 6564.60


class Broad(NamedTuple):
    """A broad line.

    Attributes
    ----------
    width : float
        Equivalent width, Angstrom in the rest frame.
    fwhm : float
        Its FWHM in units of that of broad H beta.
    shift : float
        Its mean shift in units of that of C IV (which is towards the blue).
    baldwin : float
        Exponent of the equivalent width with luminosity (Dietrich et al. 2002, Figure 7).
    family : str
        Lines of a family vary together.
    """

    name: str
    wavelength: float
    width: float
    fwhm: float
    shift: float
    baldwin: float
    family: str


BROAD = (
    Broad("Lyd", LYD, 0.8, 1.1, 0.5, -0.10, "lyman"),
    Broad("Lyg", LYG, 1.0, 1.1, 0.5, -0.10, "lyman"),
    Broad("CIII 977", 977.020, 4.0, 1.2, 0.8, -0.15, "high"),
    Broad("NIII 990", 990.690, 2.5, 1.2, 0.8, -0.15, "high"),
    Broad("Lyb", LYB, 2.5, 1.1, 0.5, -0.10, "lyman"),
    Broad("OVI", 1033.83, 10.0, 1.2, 0.9, -0.22, "high"),
    Broad("FeIII UV1", 1123.0, 2.0, 2.0, 0.0, -0.05, "iron"),
    Broad("CIII 1176", 1175.70, 0.8, 1.0, 0.5, -0.10, "high"),
    Broad("Lya", LYA, 72.0, 1.05, 0.35, -0.12, "lyman"),
    Broad("NV", NV, 15.0, 1.2, 0.7, -0.05, "nitrogen"),
    Broad("SiII 1263", 1262.59, 1.2, 1.1, 0.1, -0.05, "low"),
    Broad("OI 1304", 1304.35, 1.6, 0.8, 0.1, -0.05, "low"),
    Broad("SiII 1307", 1306.82, 0.6, 0.9, 0.1, -0.05, "low"),
    Broad("CII 1335", 1335.30, 0.8, 0.9, 0.1, -0.05, "low"),
    Broad("SiIV", SIIV, 5.0, 1.2, 0.7, -0.10, "high"),
    Broad("OIV]", 1402.06, 4.2, 1.2, 0.7, -0.10, "high"),
    Broad("NIV] 1486", 1486.496, 0.4, 1.0, 0.6, -0.10, "nitrogen"),
    Broad("CIV", CIV, 34.0, 1.1, 1.0, -0.18, "carbon"),
    Broad("FeII 1600", 1610.0, 4.5, 3.0, 0.3, -0.10, "shelf"),
    Broad("HeII 1640", 1640.42, 4.5, 1.7, 1.1, -0.22, "helium"),
    Broad("OIII] 1663", 1663.48, 2.2, 1.2, 0.4, -0.12, "high"),
    Broad("AlII 1671", 1670.79, 0.5, 1.0, 0.1, -0.05, "low"),
    Broad("NIV 1719", 1718.55, 0.4, 1.1, 0.4, -0.10, "nitrogen"),
    Broad("NIII] 1750", 1750.26, 0.7, 1.1, 0.2, -0.08, "nitrogen"),
    Broad("FeII UV191", 1788.73, 0.5, 1.0, 0.0, -0.05, "iron"),
    Broad("SiII 1817", 1816.98, 0.3, 1.1, 0.1, -0.05, "low"),
    Broad("AlIII", 1857.40, 1.8, 1.1, 0.3, -0.05, "silicon"),
    Broad("SiIII]", 1892.03, 3.5, 1.0, 0.2, -0.06, "silicon"),
    Broad("CIII]", CIII, 15.5, 1.25, 0.3, -0.10, "carbon"),
    Broad("FeIII UV48", 2076.62, 2.5, 3.0, 0.0, -0.05, "iron"),
    Broad("CII] 2326", 2326.44, 0.8, 0.9, 0.0, -0.05, "low"),
    Broad("[NeIV]", 2423.83, 0.9, 0.7, 0.0, -0.10, "high"),
    Broad("MgII 2796", 2796.352, 18.0, 0.80, 0.05, -0.13, "magnesium"),
    Broad("MgII 2804", 2803.530, 12.0, 0.80, 0.05, -0.13, "magnesium"),
    Broad("OIII 3134", 3133.70, 0.6, 1.0, 0.2, -0.05, "low"),
    Broad("HeI 3189", 3188.67, 0.9, 1.0, 0.1, -0.05, "balmer"),
    Broad("HeI 3889", 3889.74, 0.5, 1.0, 0.0, 0.0, "balmer"),
    Broad("Hepsilon", 3971.20, 2.0, 1.0, 0.0, 0.0, "balmer"),
    Broad("Hdelta", 4102.89, 7.0, 1.0, 0.0, 0.0, "balmer"),
    Broad("Hgamma", 4341.68, 16.0, 1.0, 0.0, 0.0, "balmer"),
    Broad("HeI 4473", 4472.76, 0.7, 1.0, 0.0, 0.0, "balmer"),
    Broad("HeII 4687", 4687.02, 1.8, 1.4, 0.8, -0.15, "helium"),
    Broad("Hbeta", HBETA, 52.0, 1.0, 0.0, 0.0, "balmer"),
    Broad("HeI 5877", 5877.29, 6.0, 1.0, 0.0, 0.0, "balmer"),
    Broad("Halpha", HALPHA, 250.0, 0.90, 0.0, 0.02, "balmer"),
    Broad("HeI 6680", 6679.995, 1.0, 1.0, 0.0, 0.0, "balmer"),
    Broad("HeI 7067", 7067.14, 2.5, 1.0, 0.0, 0.0, "balmer"),
    Broad("OI 8449", 8448.68, 8.0, 0.85, 0.0, 0.0, "low"),
    Broad("CaII 8579", 8579.0, 8.0, 1.0, 0.0, 0.0, "iron"),
    Broad("Pa9", 9231.6, 6.0, 0.9, 0.0, 0.0, "balmer"),
    Broad("Padelta", 10052.1, 8.0, 0.9, 0.0, 0.0, "balmer"),
)


class Narrow(NamedTuple):
    """A narrow line: its flux in the narrow-line region of an active nucleus ([O III] 5008 = 1) and in H II regions.

    Attributes
    ----------
    hii : float
        Flux with H beta = 1 at solar metallicity; metallicity changes those of the family "oiii", "oii" and "nii".
    """

    name: str
    wavelength: float
    agn: float
    hii: float
    family: str


# Ratios of narrow-line regions: Ferland & Osterbrock (1986), Vanden Berk et al. (2001); of H II regions: Kewley et al.
# (2006), case B of Osterbrock & Ferland (2006) for the Balmer lines.
NARROW = (
    Narrow("Lya narrow", LYA, 1.6, 0.0, "resonance"),
    Narrow("CIV 1548", 1548.187, 0.22, 0.0, "resonance"),
    Narrow("CIV 1551", 1550.772, 0.15, 0.0, "resonance"),
    Narrow("HeII 1640 narrow", 1640.42, 0.14, 0.0, "high"),
    Narrow("CIII] narrow", CIII, 0.18, 0.0, "resonance"),
    Narrow("MgII 2796 narrow", 2796.352, 0.05, 0.0, "resonance"),
    Narrow("MgII 2804 narrow", 2803.530, 0.04, 0.0, "resonance"),
    Narrow("[NeV] 3347", 3346.79, 0.035, 0.0, "high"),
    Narrow("[NeV] 3427", 3426.85, 0.10, 0.0, "high"),
    Narrow("[OII] 3727", OII[0], 0.12, 1.30, "oii"),
    Narrow("[OII] 3730", OII[1], 0.13, 1.70, "oii"),
    Narrow("[NeIII] 3870", 3869.86, 0.10, 0.06, "oiii"),
    Narrow("H8", 3890.17, 0.010, 0.10, "balmer"),
    Narrow("[NeIII] 3969", 3968.59, 0.031, 0.02, "oiii"),
    Narrow("Hepsilon narrow", 3971.20, 0.015, 0.16, "balmer"),
    Narrow("Hdelta narrow", 4102.89, 0.024, 0.26, "balmer"),
    Narrow("Hgamma narrow", 4341.68, 0.044, 0.47, "balmer"),
    Narrow("[OIII] 4364", 4364.436, 0.020, 0.01, "oiii"),
    Narrow("HeII 4687 narrow", 4687.02, 0.025, 0.0, "high"),
    Narrow("Hbeta narrow", HBETA, 0.095, 1.00, "balmer"),
    Narrow("[OIII] 4960", OIII[0], 0.334, 0.20, "oiii"),
    Narrow("[OIII] 5008", OIII[1], 1.000, 0.60, "oiii"),
    Narrow("HeI 5877 narrow", 5877.29, 0.012, 0.11, "balmer"),
    Narrow("[FeVII] 6089", 6088.7, 0.015, 0.0, "high"),
    Narrow("[OI] 6302", 6302.046, 0.055, 0.07, "sii"),
    Narrow("[OI] 6366", 6365.536, 0.018, 0.02, "sii"),
    Narrow("[NII] 6550", 6549.86, 0.105, 0.33, "nii"),
    Narrow("Halpha narrow", HALPHA, 0.295, 2.86, "balmer"),
    Narrow("[NII] 6585", 6585.27, 0.315, 1.00, "nii"),
    Narrow("[SII] 6718", 6718.294, 0.085, 0.52, "sii"),
    Narrow("[SII] 6733", 6732.674, 0.080, 0.38, "sii"),
    Narrow("[ArIII] 7138", 7137.77, 0.022, 0.06, "oiii"),
    Narrow("[OII] 7322", 7321.9, 0.012, 0.03, "sii"),
    Narrow("[SIII] 9071", 9071.1, 0.080, 0.25, "sii"),
    Narrow("[SIII] 9533", 9533.2, 0.200, 0.60, "sii"),
)

# Doublets and lines that intervening gas absorbs: (stronger, weaker) wavelengths or one.
ABSORBED = {
    "MgII": (2796.352, 2803.530),
    "CIV": (1548.187, 1550.772),
    "SiIV": (1393.760, 1402.772),
    "FeII": (2382.765, 2600.172),
}
